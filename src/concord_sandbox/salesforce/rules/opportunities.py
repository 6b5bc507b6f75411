"""How opportunities, their contact roles and lines, and prices behave (api/salesforce.md sections 4 and 17)."""

from __future__ import annotations

from typing import Any

from concord_sandbox.salesforce.rules.rule import Rule, Write, amend, live_rows, missing, refusal
from concord_sandbox.salesforce.tables import Row


class Opportunities(Rule):
    """Stage, probability, forecast and amount; the contact given on creation becomes the primary contact role."""

    def __init__(self) -> None:
        #: The line that is being deleted: it counts no more.
        self.leaving: str | None = None

    def before(self, write: Write) -> None:
        contact = write.row_of("ContactId") if write.creating else None
        if contact is not None and "AccountId" not in write.row:
            write.set("AccountId", contact.get("AccountId"))
        if write.changed("StageName"):
            self._enter_stage(write)
        if write.old is not None:
            self._keep_what_lines_hold(write)
        amount, probability = write.row.get("Amount"), write.row.get("Probability")
        expected = None if amount is None else round(amount * (probability or 0) / 100, 2)
        write.set("ExpectedRevenue", expected)
        if write.changed("CloseDate") and write.row.get("CloseDate"):
            self._note_close_date(write)

    def complete(self, write: Write) -> None:
        self._keep_what_lines_hold(write)
        self.before(write)

    def _enter_stage(self, write: Write) -> None:
        stage = next(live_rows(write.org, "OpportunityStage", "ApiName", write.row.get("StageName")), None)
        if stage is None:
            write.set("IsClosed", False)
            write.set("IsWon", False)
            write.row.setdefault("ForecastCategory", "Pipeline")
            return
        for name in ("IsClosed", "IsWon"):
            write.set(name, stage.get(name))
        derived = {"Probability": "DefaultProbability", "ForecastCategoryName": "ForecastCategoryName"}
        for name, source in derived.items():
            # A value that came with the new stage stands; one that did not change follows the stage.
            if name not in write.row or (write.old is not None and not write.changed(name)):
                write.set(name, stage.get(source))
        category = next(live_rows(write.org, "OpportunityStage", "ForecastCategoryName",
                                  write.row.get("ForecastCategoryName")), stage)  # fmt: skip
        write.set("ForecastCategory", category.get("ForecastCategory"))
        if write.old is not None:
            write.set("LastStageChangeDate", write.writer.now())

    def _keep_what_lines_hold(self, write: Write) -> None:
        """With lines the amount is their sum, and what is given for it is ignored; the price book stays."""
        found = live_rows(write.org, "OpportunityLineItem", "OpportunityId", write.row.get("Id"))
        lines = [line for line in found if line["Id"] != self.leaving]
        write.set("HasOpportunityLineItem", bool(lines))
        if not lines:
            return
        for name in ("Pricebook2Id", "CurrencyIsoCode"):
            if write.changed(name) and write.old is not None and write.old.get(name):
                words = f"{name} cannot be changed while the opportunity has products"
                raise refusal("FIELD_INTEGRITY_EXCEPTION", words, name)
        write.set("Amount", round(sum(line.get("TotalPrice", 0.0) for line in lines), 2))
        write.set("TotalOpportunityQuantity", sum(line.get("Quantity", 0.0) for line in lines))

    @staticmethod
    def _note_close_date(write: Write) -> None:
        day = write.row["CloseDate"]
        year, month = int(day[:4]), int(day[5:7])
        quarter = (month + 2) // 3
        write.row.update(FiscalYear=year, FiscalQuarter=quarter, Fiscal=f"{year} {quarter}")
        old = (write.old or {}).get("CloseDate")
        if old and day[:7] > old[:7]:
            write.set("PushCount", write.row.get("PushCount", 0) + 1)

    def after(self, write: Write) -> None:
        if write.creating and "ContactId" in write.row:
            roles = write.org.tables["opportunitycontactrole"]
            given = {"OpportunityId": write.row["Id"], "ContactId": write.row["ContactId"], "IsPrimary": True}
            write.writer.insert(roles, given, write.system())


class ContactRoles(Rule):
    """One role at most is primary; its contact is the opportunity's."""

    def after(self, write: Write) -> None:
        primary = bool(write.row.get("IsPrimary"))
        if primary:
            for other in list(live_rows(write.org, "OpportunityContactRole", "OpportunityId", _parent(write))):
                if other["Id"] != write.row["Id"] and other.get("IsPrimary"):
                    amend(write, write.table, other["Id"], {"IsPrimary": False})
            _show_contact(write, write.row["ContactId"])
        elif write.old is not None and write.old.get("IsPrimary"):
            _show_contact(write, None)

    def on_delete(self, write: Write) -> None:
        if write.row.get("IsPrimary"):
            _show_contact(write, None)

    def resettled(self, write: Write) -> None:
        """It is the primary one again, unless another has become so meanwhile."""
        others = live_rows(write.org, "OpportunityContactRole", "OpportunityId", _parent(write))
        if not write.row.get("IsPrimary"):
            return
        if any(one.get("IsPrimary") for one in others if one["Id"] != write.row["Id"]):
            amend(write, write.table, write.row["Id"], {"IsPrimary": False})
        else:
            _show_contact(write, write.row["ContactId"])


def _parent(write: Write) -> str:
    return str(write.row["OpportunityId"])


def _show_contact(write: Write, contact_id: str | None) -> None:
    opportunities = write.org.tables["opportunity"]
    row = opportunities.live(_parent(write))
    if row is not None and row.get("ContactId") != contact_id:
        amend(write, opportunities, row["Id"], {"ContactId": contact_id}, stamp=False)


class LineItems(Rule):
    """Lines take product and list price from a price book entry, and make the opportunity's amount."""

    def __init__(self, opportunities: Opportunities) -> None:
        self._opportunities = opportunities

    def before(self, write: Write) -> None:
        opportunity = write.row_of("OpportunityId")
        if write.creating and opportunity is not None:
            self._take_entry(write, opportunity)
        self._price(write)

    @staticmethod
    def _take_entry(write: Write, opportunity: Row) -> None:
        row, book = write.row, opportunity.get("Pricebook2Id")
        entry = write.row_of("PricebookEntryId")
        if entry is None and "Product2Id" in row:
            entries = live_rows(write.org, "PricebookEntry", "Product2Id", row["Product2Id"])
            entry = next((one for one in entries if book in (None, one.get("Pricebook2Id"))), None)
        if entry is None:
            raise missing("PricebookEntryId")
        if book not in (None, entry.get("Pricebook2Id")):
            words = (
                "field integrity exception: PricebookEntryId (pricebook entry is in a different pricebook than the "
                "one assigned to the opportunity)"
            )
            raise refusal("FIELD_INTEGRITY_EXCEPTION", words, "PricebookEntryId")
        if not entry.get("IsActive"):
            raise refusal("FIELD_INTEGRITY_EXCEPTION", "The pricebook entry is inactive.", "PricebookEntryId")
        if entry.get("CurrencyIsoCode") != opportunity.get("CurrencyIsoCode"):
            words = "The pricebook entry currency code does not match the opportunity currency code"
            raise refusal("FIELD_INTEGRITY_EXCEPTION", words, "PricebookEntryId")
        product = write.org.row(entry["Product2Id"]) or {}
        row.update(PricebookEntryId=entry["Id"], Product2Id=entry["Product2Id"], ListPrice=entry["UnitPrice"])
        write.set("ProductCode", product.get("ProductCode"))
        write.set("CurrencyIsoCode", opportunity.get("CurrencyIsoCode"))
        row["Name"] = f"{opportunity.get('Name', '')} {product.get('Name', '')}".strip()
        if book is None:
            amend(write, write.org.tables["opportunity"], opportunity["Id"], {"Pricebook2Id": entry["Pricebook2Id"]})

    @staticmethod
    def _price(write: Write) -> None:
        """Total = unit price x quantity, less the discount; of the two prices the one that was given leads."""
        row, quantity = write.row, write.row.get("Quantity")
        if not quantity:
            if quantity == 0:
                raise refusal("FIELD_INTEGRITY_EXCEPTION", "Quantity: quantity cannot be zero", "Quantity")
            return
        share = 1 - row.get("Discount", 0.0) / 100
        given_total = row.get("TotalPrice") is not None and write.changed("TotalPrice")
        if given_total and not (write.changed("UnitPrice") and "UnitPrice" in row):
            row["UnitPrice"] = round(row["TotalPrice"] / quantity / share, 2) if share else 0.0
        elif "UnitPrice" not in row:
            raise missing("UnitPrice")
        else:
            row["TotalPrice"] = round(row["UnitPrice"] * quantity * share, 2)
        row["Subtotal"] = round(row["UnitPrice"] * quantity, 2)

    def complete(self, write: Write) -> None:
        if "UnitPrice" in write.row:
            self._price(write)

    def after(self, write: Write) -> None:
        write.writer.update(write.org.tables["opportunity"], _parent(write), {}, write.system())

    def resettled(self, write: Write) -> None:
        if write.org.tables["opportunity"].live(_parent(write)) is not None:
            self.after(write)

    def on_delete(self, write: Write) -> None:
        self._opportunities.leaving = write.row["Id"]
        try:
            self.after(write)
        finally:
            self._opportunities.leaving = None


class Prices(Rule):
    """A product's price in a book, once for each currency; the standard price comes first."""

    def before(self, write: Write) -> None:
        product = write.row_of("Product2Id") or {}
        write.set("Name", product.get("Name"))
        write.set("ProductCode", product.get("ProductCode"))
        if write.creating and write.row.get("Pricebook2Id"):
            self._check_place(write)
        if write.row.get("UseStandardPrice"):
            standard = self._standard(write)
            write.set("UnitPrice", standard.get("UnitPrice") if standard else None)

    def _check_place(self, write: Write) -> None:
        row = write.row
        for other in self._same_currency(write):
            if other.get("Pricebook2Id") == row["Pricebook2Id"]:
                raise refusal("DUPLICATE_VALUE", "This price definition already exists in this price book")
        book = write.row_of("Pricebook2Id") or {}
        if not book.get("IsStandard") and self._standard(write) is None:
            words = "Before creating a custom price, create a standard price."
            raise refusal("STANDARD_PRICE_NOT_DEFINED", words)

    def _standard(self, write: Write) -> Row | None:
        books = write.org.tables["pricebook2"].rows
        entries = self._same_currency(write)
        return next((one for one in entries if books[one["Pricebook2Id"]].get("IsStandard")), None)

    @staticmethod
    def _same_currency(write: Write) -> list[Row]:
        code: Any = write.row.get("CurrencyIsoCode")
        entries = live_rows(write.org, "PricebookEntry", "Product2Id", write.row.get("Product2Id"))
        return [one for one in entries if one.get("CurrencyIsoCode") == code and one["Id"] != write.row.get("Id")]


class PriceBooks(Rule):
    def on_delete(self, write: Write) -> None:
        if write.row.get("IsStandard"):
            raise refusal("DELETE_FAILED", "The standard price book cannot be deleted")
