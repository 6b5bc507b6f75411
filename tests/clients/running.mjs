// Runs one scenario of a client's file: `node FILE SCENARIO '{"url": …}'` prints its outcome as one line of JSON.

export async function run(scenarios) {
  const [, , name, given] = process.argv
  const scenario = scenarios[name]
  if (!scenario) {
    console.error(`no scenario ${name}; there are ${Object.keys(scenarios).join(', ')}`)
    process.exit(2)
  }
  const outcome = await scenario(JSON.parse(given))
  process.stdout.write(JSON.stringify(outcome ?? null) + '\n')
}
