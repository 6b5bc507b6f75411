"""Where we stand in who-is-who: data with known truth, contenders, and what each of them finds (`make bench-identity`).

`settings` names the parameters and the sets; `people`, `firms` and `slips` make a world and what clerks do to it; `crm`
writes it into two systems that ran apart; `public` reads other people's data; `contenders` find who is who; `measure`
compares that with the truth; `__main__` prints. Nothing here is seen by the product, and nothing here reads its lists.
"""
