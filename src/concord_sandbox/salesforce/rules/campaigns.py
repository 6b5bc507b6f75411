"""How campaigns and their members behave (api/salesforce.md section 17)."""

from __future__ import annotations

from concord_sandbox.salesforce.objects.campaigns import COUNTS
from concord_sandbox.salesforce.rules.rule import Rule, Write, amend, live_rows, missing, not_in_list, refusal
from concord_sandbox.salesforce.tables import Row

#: What a campaign has from the start: label, whether it is the default, whether it means a response.
_FIRST_STATUSES = (("Sent", True, False), ("Responded", False, True))


class Campaigns(Rule):
    """A new campaign has the statuses Sent and Responded."""

    def complete(self, write: Write) -> None:
        campaign_id = write.row["Id"]
        if not _statuses(write, campaign_id):
            self.after(write)
        responded = {one["Label"] for one in _statuses(write, campaign_id) if one.get("HasResponded")}
        weights = [
            _weight({**one, "HasResponded": one.get("Status") in responded})
            for one in live_rows(write.org, "CampaignMember", "CampaignId", campaign_id)
        ]
        for place, name in enumerate(COUNTS):
            write.row.setdefault(name, sum(weight[place] for weight in weights))

    def after(self, write: Write) -> None:
        if not write.creating:
            return
        statuses = write.org.tables["campaignmemberstatus"]
        for place, (label, default, responded) in enumerate(_FIRST_STATUSES, start=1):
            given = {"CampaignId": write.row["Id"], "Label": label, "SortOrder": place}
            given |= {"IsDefault": default, "HasResponded": responded}
            write.writer.insert(statuses, given, write.system())


class MemberStatuses(Rule):
    """Labels are unique in a campaign, and one status is its default."""

    def before(self, write: Write) -> None:
        if write.creating and "SortOrder" not in write.row:
            taken = [one.get("SortOrder", 0) for one in _statuses(write, write.row.get("CampaignId"))]
            write.row["SortOrder"] = max(taken, default=0) + 1

    def check(self, write: Write) -> None:
        label = write.row["Label"].lower()
        for other in _statuses(write, write.row["CampaignId"]):
            if other["Id"] != write.row.get("Id") and other["Label"].lower() == label:
                raise refusal("DUPLICATE_VALUE", f"duplicate value found: Label {write.row['Label']}", "Label")

    def after(self, write: Write) -> None:
        if write.row.get("IsDefault"):
            for other in list(_statuses(write, write.row["CampaignId"])):
                if other["Id"] != write.row["Id"] and other.get("IsDefault"):
                    amend(write, write.table, other["Id"], {"IsDefault": False})

    def on_delete(self, write: Write) -> None:
        if write.row.get("IsDefault"):
            raise refusal("DELETE_FAILED", "The default member status of a campaign cannot be deleted")


def _statuses(write: Write, campaign_id: str | None) -> list[Row]:
    return list(live_rows(write.org, "CampaignMemberStatus", "CampaignId", campaign_id))


class CampaignMembers(Rule):
    """One membership for each person; its status says whether the person responded."""

    def before(self, write: Write) -> None:
        row = write.row
        if write.creating:
            if ("LeadId" in row) == ("ContactId" in row):
                if "LeadId" not in row:
                    raise missing("LeadId", "ContactId")
                words = "A campaign member is a lead or a contact, not both"
                raise refusal("FIELD_INTEGRITY_EXCEPTION", words, "LeadId", "ContactId")
            row["Type"] = "Lead" if "LeadId" in row else "Contact"
            row["LeadOrContactId"] = row.get("ContactId") or row.get("LeadId")
        if row.get("CampaignId") and (write.creating or write.changed("Status")):
            self._take_status(write)

    def complete(self, write: Write) -> None:
        self.before(write)

    @staticmethod
    def _take_status(write: Write) -> None:
        allowed, wanted = _statuses(write, write.row["CampaignId"]), write.row.get("Status")
        default = next((one for one in allowed if one.get("IsDefault")), allowed[0] if allowed else None)
        status = default if wanted is None else next((one for one in allowed if one["Label"] == wanted), None)
        if status is None:
            if wanted is not None:
                raise not_in_list(write, "Status")
            return
        write.row["Status"] = status["Label"]
        responded = bool(status.get("HasResponded"))
        write.set("HasResponded", responded)
        if responded and "FirstRespondedDate" not in write.row:
            write.row["FirstRespondedDate"] = write.writer.now()[:10]

    def check(self, write: Write) -> None:
        if not write.creating:
            return
        key = "LeadId" if "LeadId" in write.row else "ContactId"
        for other in live_rows(write.org, "CampaignMember", key, write.row[key]):
            if other["CampaignId"] == write.row["CampaignId"]:
                raise refusal("DUPLICATE_VALUE", "Already a campaign member.")

    def after(self, write: Write) -> None:
        before, now = _weight(write.old), _weight(write.row)
        if before != now:
            _count(write, write.row["CampaignId"], tuple(b - a for a, b in zip(before, now, strict=True)))

    def on_delete(self, write: Write) -> None:
        _leave(write, write.row)

    def resettled(self, write: Write) -> None:
        """The counts of its campaign are what the live members make."""
        campaigns, campaign_id = write.org.tables["campaign"], write.row["CampaignId"]
        weights = [_weight(one) for one in live_rows(write.org, "CampaignMember", "CampaignId", campaign_id)]
        if campaigns.live(campaign_id) is not None:
            counts = {name: sum(weight[place] for weight in weights) for place, name in enumerate(COUNTS)}
            amend(write, campaigns, campaign_id, counts, stamp=False)


class CampaignPeople(Rule):
    """A lead or contact that goes leaves its campaigns."""

    def __init__(self, key: str) -> None:
        self._key = key

    def on_delete(self, write: Write) -> None:
        for member in list(live_rows(write.org, "CampaignMember", self._key, write.row["Id"])):
            _leave(write, member)


def _weight(member: Row | None) -> tuple[int, int, int]:
    """What a membership adds to NumberOfLeads, NumberOfContacts and NumberOfResponses."""
    if member is None:
        return 0, 0, 0
    lead = "LeadId" in member
    return int(lead), int(not lead), int(bool(member.get("HasResponded")))


def _leave(write: Write, member: Row) -> None:
    leads, contacts, responses = _weight(member)
    _count(write, member["CampaignId"], (-leads, -contacts, -responses))


def _count(write: Write, campaign_id: str, more: tuple[int, ...]) -> None:
    campaigns = write.org.tables["campaign"]
    campaign = campaigns.live(campaign_id)
    if campaign is None:
        return
    counts = {name: campaign.get(name, 0) + one for name, one in zip(COUNTS, more, strict=True)}
    amend(write, campaigns, campaign_id, counts, stamp=False)
