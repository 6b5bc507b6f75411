"""Configuration: one YAML file, checked as a whole, becomes frozen settings and core's mapping (SPEC 10.8).

    load(path)            the settings, or ConfigError with every problem, each with line and column
    read(path)            the same without raising, with warnings
    starting()            the settings of a new installation (SPEC 2.1)
    check_against(...)    what the two vendors' schemas say about the mapping
    secrets(environment)  the secrets, which are never in the file

May import core and errors. Starts nothing and asks no remote system.
"""

from concord.config.against import Findings, check_against
from concord.config.alerts import Alerts
from concord.config.problems import Position, Problem
from concord.config.schema import schema, schema_text
from concord.config.secrets import AlertSecrets, Secrets, alert_secrets, database_url, secrets
from concord.config.sections import Hubspot, Matching, Salesforce, Sweep, Sync, Web
from concord.config.settings import (
    USUAL_PATH,
    Read,
    Settings,
    load,
    read,
    read_text,
    starting,
    starting_text,
)

__all__ = [
    "USUAL_PATH",
    "AlertSecrets",
    "Alerts",
    "Findings",
    "Hubspot",
    "Matching",
    "Position",
    "Problem",
    "Read",
    "Salesforce",
    "Secrets",
    "Settings",
    "Sweep",
    "Sync",
    "Web",
    "alert_secrets",
    "check_against",
    "database_url",
    "load",
    "read",
    "read_text",
    "schema",
    "schema_text",
    "secrets",
    "starting",
    "starting_text",
]
