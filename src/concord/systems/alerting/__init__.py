"""Where administrators are told (SPEC 9.7): a signed webhook, Slack, e-mail. Each fills `Target` of engine/ports.py.

Sends one message once; who is told, when and again is not decided here. No message, error or log holds a secret.
"""

from concord.systems.alerting.mail import Mail, MailServer
from concord.systems.alerting.slack import Slack
from concord.systems.alerting.webhook import Webhook

__all__ = ["Mail", "MailServer", "Slack", "Webhook"]
