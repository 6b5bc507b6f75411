"""Properties of contacts and companies (API reference sections 5 and 11). Data only: one property a line."""

from __future__ import annotations

from concord_sandbox.hubspot.built_in.choices import INDUSTRIES, LEAD_STATUS, STAGES

CONTACTS = f"""\
createdate | Create Date | datetime | r
lastmodifieddate | Last Modified Date | datetime | r
email | Email | string
hs_additional_emails | Additional email addresses | enumeration/checkbox | x
hs_email_domain | Email Domain | string | c
firstname | First Name | string
lastname | Last Name | string
salutation | Salutation | string
jobtitle | Job Title | string
company | Company Name | string
website | Website URL | string
phone | Phone Number | string/phonenumber
mobilephone | Mobile Phone Number | string/phonenumber
fax | Fax Number | string/phonenumber
address | Street Address | string
city | City | string
state | State/Region | string
zip | Postal Code | string
country | Country/Region | string
industry | Industry | string
numemployees | Number of Employees | enumeration/select | | 1-5,5-25,25-50,50-100,100-500,500-1000,1000+
annualrevenue | Annual Revenue | string
message | Message | string/textarea
date_of_birth | Date of birth | string
gender | Gender | string
degree | Degree | string
seniority | Seniority | string
hs_language | Preferred language | enumeration/select | | en=English,de=German,fr=French,es=Spanish,it=Italian,nl=Dutch
hs_timezone | Time Zone | enumeration/select | x
hs_lead_status | Lead Status | enumeration/radio | | {LEAD_STATUS}
lifecyclestage | Lifecycle Stage | enumeration/radio | | {STAGES}
hs_analytics_source | Original Traffic Source | enumeration/select | r | ORGANIC_SEARCH=Organic Search,PAID_SEARCH=Paid Search,EMAIL_MARKETING=Email Marketing,SOCIAL_MEDIA=Organic Social,REFERRALS=Referrals,OTHER_CAMPAIGNS=Other Campaigns,DIRECT_TRAFFIC=Direct Traffic,OFFLINE=Offline Sources,PAID_SOCIAL=Paid Social
hs_persona | Persona | enumeration/radio | x
hs_legal_basis | Legal basis for processing contact's data | enumeration/checkbox | | Legitimate interest – prospect/lead,Legitimate interest – existing customer,Legitimate interest - other,Performance of a contract,Freely given consent from contact,Not applicable
hs_marketable_status | Marketing contact status | enumeration/booleancheckbox | r | true=Marketing contact,false=Non-marketing contact
hs_email_optout | Unsubscribed from all email | bool | r
hs_email_bounce | Marketing emails bounced | number | r
hs_email_hard_bounce_reason | Email hard bounce reason | string | r
hs_email_quarantined | Email address quarantined | bool | r
hs_all_contact_vids | Merged vids of a contact | enumeration/checkbox | rx
hs_calculated_merged_vids | Merged vids with timestamps | enumeration/checkbox | cx
associatedcompanyid | Primary Associated Company ID | number | x
num_associated_deals | Number of Associated Deals | number | r
notes_last_contacted | Last Contacted | datetime | r
notes_last_updated | Last Activity Date | datetime | r
notes_next_activity_date | Next Activity Date | datetime | r
num_contacted_notes | Number of times contacted | number | r
num_notes | Number of Sales Activities | number | r
hs_sequences_is_enrolled | Currently in Sequence | bool | r
hs_sequences_enrolled_count | Number of sequences enrolled | number | r
hs_sequences_actively_enrolled_count | Number of Sequences Actively Enrolled | number | r
hs_latest_sequence_enrolled | Last sequence enrolled | number | r
hs_latest_sequence_enrolled_date | Last sequence enrolled date | datetime | r
hs_latest_sequence_ended_date | Last sequence ended date | datetime | r
hs_latest_sequence_finished_date | Last sequence finished date | datetime | r
hs_latest_sequence_unenrolled_date | Last sequence unenrolled date | datetime | r
hs_linkedin_url | LinkedIn URL | string
twitterhandle | Twitter Username | string
closedate | Close Date | datetime
"""  # noqa: E501, S608 - one property a line; no SQL

COMPANIES = f"""\
createdate | Create Date | datetime | r
hs_createdate | Object create date/time | datetime | r
hs_lastmodifieddate | Last Modified Date | datetime | r
name | Company name | string
domain | Company Domain Name | string
hs_additional_domains | Additional Domains | enumeration/checkbox | x
website | Website URL | string
phone | Phone Number | string/phonenumber
address | Street Address | string
address2 | Street Address 2 | string
city | City | string
state | State/Region | string
zip | Postal Code | string
country | Country/Region | string
timezone | Time Zone | string
industry | Industry | enumeration/select | | {INDUSTRIES}
type | Type | enumeration/select | | PROSPECT=Prospect,PARTNER=Partner,RESELLER=Reseller,VENDOR=Vendor,OTHER=Other
description | Description | string/textarea
about_us | About Us | string/textarea
founded_year | Year Founded | string
is_public | Is Public | bool
numberofemployees | Number of Employees | number
annualrevenue | Annual Revenue | number
lifecyclestage | Lifecycle Stage | enumeration/radio | | {STAGES}
hs_lead_status | Lead Status | enumeration/radio | | {LEAD_STATUS}
hs_parent_company_id | Parent Company | number | r
num_associated_contacts | Number of Associated Contacts | number | r
num_associated_deals | Number of Associated Deals | number | r
notes_last_contacted | Last Contacted | datetime | r
notes_last_updated | Last Activity Date | datetime | r
notes_next_activity_date | Next Activity Date | datetime | r
num_contacted_notes | Number of times contacted | number | r
num_notes | Number of Sales Activities | number | r
hs_analytics_source | Original Traffic Source | enumeration/select | r | ORGANIC_SEARCH=Organic Search,DIRECT_TRAFFIC=Direct Traffic,OFFLINE=Offline Sources
linkedin_company_page | LinkedIn Company Page | string
facebook_company_page | Facebook Company Page | string
twitterhandle | Twitter Handle | string
total_money_raised | Total Money Raised | string
web_technologies | Web Technologies | enumeration/checkbox | x
closedate | Close Date | datetime
"""  # noqa: E501
