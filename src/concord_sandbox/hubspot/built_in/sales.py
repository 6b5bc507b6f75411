"""Properties of deals, tickets, leads, products, line items and users (API reference sections 5, 11, 16). Data only."""

from __future__ import annotations

_TIMES = """\
createdate | Create Date | datetime | r
hs_createdate | Object create date/time | datetime | r
hs_lastmodifieddate | Last Modified Date | datetime | r
"""

DEALS = f"""{_TIMES}\
dealname | Deal Name | string
amount | Amount | number
amount_in_home_currency | Amount in company currency | number | c
deal_currency_code | Currency | enumeration/select | x
closedate | Close Date | datetime
pipeline | Pipeline | enumeration/select | x
dealstage | Deal Stage | enumeration/radio | x
dealtype | Deal Type | enumeration/radio | | newbusiness=New Business,existingbusiness=Existing Business
description | Deal Description | string/textarea
hs_next_step | Next step | string
hs_priority | Priority | enumeration/select | | low=Low,medium=Medium,high=High
hs_forecast_amount | Forecast amount | number | c
hs_forecast_probability | Forecast probability | number
hs_manual_forecast_category | Forecast category | enumeration/select | | OMIT=Not forecasted,PIPELINE=Pipeline,BEST_CASE=Best case,COMMIT=Commit,CLOSED=Closed won
closed_lost_reason | Closed Lost Reason | string/textarea
closed_won_reason | Closed Won Reason | string/textarea
hs_is_closed | Is Deal Closed? | bool | c
hs_is_closed_won | Is Closed Won | bool | c
hs_is_closed_lost | Is Closed Lost | bool | c
hs_deal_stage_probability | Deal probability | number | c
hs_closed_amount | Closed Deal Amount | number | c
hs_projected_amount | Weighted amount | number | c
num_associated_contacts | Number of Associated Contacts | number | r
notes_last_contacted | Last Contacted | datetime | r
notes_last_updated | Last Activity Date | datetime | r
notes_next_activity_date | Next Activity Date | datetime | r
num_notes | Number of Sales Activities | number | r
"""  # noqa: E501

TICKETS = f"""{_TIMES}\
subject | Ticket name | string
content | Ticket description | string/textarea
hs_pipeline | Pipeline | enumeration/select | x
hs_pipeline_stage | Ticket status | enumeration/select | x
hs_ticket_priority | Priority | enumeration/select | | LOW=Low,MEDIUM=Medium,HIGH=High,URGENT=Urgent
hs_ticket_category | Category | enumeration/checkbox | | PRODUCT_ISSUE=Product Issue,BILLING_ISSUE=Billing Issue,FEATURE_REQUEST=Feature Request,GENERAL_INQUIRY=General Inquiry
hs_resolution | Resolution | enumeration/select | | ISSUE_FIXED=Issue fixed,ENHANCEMENT_REQUEST_FILED=Enhancement request filed
source_type | Source | enumeration/select | | CHAT=Chat,EMAIL=Email,FORM=Form,PHONE=Phone
closed_date | Close date | datetime
hs_is_closed | Is Ticket Closed? | bool | c
num_notes | Number of times contacted | number | r
"""  # noqa: E501

LEADS = """\
hs_createdate | Object create date/time | datetime | r
hs_lastmodifieddate | Last Modified Date | datetime | r
hs_lead_name | Lead Name | string
hs_pipeline | Lead Pipeline | enumeration/select | x
hs_pipeline_stage | Lead Stage | enumeration/select | x
hs_lead_type | Lead Type | enumeration/select | | NEW_BUSINESS=New business,UPSELL=Upsell,RE_ATTEMPTING=Re-attempting
hs_lead_label | Lead Label | enumeration/select | | HOT=Hot,WARM=Warm,COLD=Cold
hs_lead_disqualification_reason | Disqualification reason | string
hs_lead_is_open | Is open | bool | c
hs_associated_contact_email | Associated contact e-mail | string | r
hs_associated_company_name | Associated company name | string | r
"""

PRODUCTS = f"""{_TIMES}\
name | Name | string
description | Description | string/textarea
price | Unit price | number
hs_cost_of_goods_sold | Unit cost | number
hs_sku | SKU | string
hs_url | URL | string
hs_product_type | Product type | enumeration/select | | inventory=Inventory,non_inventory=Non-inventory,service=Service
recurringbillingfrequency | Billing frequency | enumeration/select | | weekly,biweekly,monthly,quarterly,per_six_months,annually
hs_recurring_billing_period | Term | string
tax | Tax | number
"""  # noqa: E501

LINE_ITEMS = f"""{_TIMES}\
name | Name | string
description | Description | string/textarea
quantity | Quantity | number
price | Unit price | number
discount | Unit Discount | number
hs_discount_percentage | Discount percentage | number
hs_pre_discount_amount | Pre discount amount | number | c
hs_total_discount | Total discount | number | c
amount | Net price | number | c
hs_cost_of_goods_sold | Unit cost | number
hs_line_item_currency_code | Currency | enumeration/select | x
hs_product_id | Product ID | number
hs_position_on_quote | Position on quote | number
hs_sku | SKU | string
recurringbillingfrequency | Billing frequency | enumeration/select | | weekly,biweekly,monthly,quarterly,per_six_months,annually
hs_recurring_billing_period | Term | string
tax | Tax | number
"""  # noqa: E501

USERS = """\
hs_createdate | Object create date/time | datetime | r
hs_lastmodifieddate | Last Modified Date | datetime | r
hs_email | Email | string | r
hs_given_name | First name | string
hs_family_name | Last name | string
hs_job_title | Job title | string
hs_additional_phone | Additional phone | string
hs_internal_user_id | User ID | number | r
hs_deactivated | Deactivated | bool | r
hs_availability_status | Availability status | enumeration/select | | available=Available,away=Away
hs_standard_time_zone | Time zone | enumeration/select | x
hs_working_hours | Working hours | string
hs_out_of_office_hours | Out of office hours | string
hs_main_user_language_skill | Main language skill | enumeration/select | x
"""
