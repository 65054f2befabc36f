"""What the command `doctor` asks of the world around the service, and what it makes of it.

    situation.py        what is configured, and which part of it makes no sense
    run.py              all checks side by side, two seconds each
    report.py           a table for people, JSON for machines
    configuration.py, strength.py, origins.py, clocks.py    look at the configuration alone
    postgresql.py, requests.py, redis.py, peers.py, collector.py, loki.py, service.py   ask a peer
    next_steps.py       the commands that findings advise

    reports.py, workers.py, comparison.py, agreement.py     compare what running workers report
    dependencies.py, pointing.py    who is refused by what, and which rows have the cause
    server_troubles.py          what a PostgreSQL server can lack
    room.py             connections that there are, and that are asked for

A check yields findings in the order of its rows and tells `Progress` what it waits for, so that
one that hangs can still be explained. No secret and no driver's message gets into a finding.
"""
