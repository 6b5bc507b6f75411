// Subscribes with salesforce-pubsub-api-client, unmodified, and prints what it gets, one JSON object a line.
//
//   node pubsub.mjs '{"endpoint": "127.0.0.1:7443", "token": …, "organisation": …, "topic": "/data/LeadChangeEvent",
//                     "replay"?: number | "earliest", "events": 1}'
//
// Ends after so many events, or with the first error. The client brings its own list of authorities, so that the
// sandbox's certificate is not checked (its option rejectUnauthorizedSsl).
import PubSubApiClient from 'salesforce-pubsub-api-client';

const asked = JSON.parse(process.argv[2]);
const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const client = new PubSubApiClient(
    {
        authType: 'user-supplied',
        accessToken: asked.token,
        instanceUrl: 'https://sandbox.my.salesforce.com',
        organizationId: asked.organisation,
        pubSubEndpoint: asked.endpoint,
        rejectUnauthorizedSsl: false
    },
    quiet
);

function say(kind, data) {
    const plain = (_, value) => (typeof value === 'bigint' ? Number(value) : value);
    process.stdout.write(JSON.stringify({ kind, data }, plain) + '\n');
}

function finish(code) {
    client.close();
    // The client leaves its stream open, so that the process would not end by itself.
    process.stdout.write('', () => process.exit(code));
}

function heard(info, kind, data) {
    if (kind === 'event') {
        say('event', data);
        if (--asked.events === 0) {
            finish(0);
        }
    } else if (kind === 'error') {
        const trailers = data.metadata ? data.metadata.getMap() : {};
        say('error', { code: data.code, details: data.details ?? String(data.cause ?? data), trailers });
        finish(1);
    } else {
        say(kind, data ?? null);
    }
}

await client.connect();
if (asked.replay === 'earliest') {
    client.subscribeFromEarliestEvent(asked.topic, heard);
} else if (asked.replay !== undefined) {
    client.subscribeFromReplayId(asked.topic, heard, null, asked.replay);
} else {
    client.subscribe(asked.topic, heard);
}
say('subscribed', asked.topic);
