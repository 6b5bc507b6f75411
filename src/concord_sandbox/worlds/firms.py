"""The invented companies of the world `agency`: customers and prospects, in one system or in both.

Plain data; may not draw anything. Every name and domain is made up.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Firm:
    """One company as it really is. `size` is a weight: how many of its people the agency knows, roughly."""

    name: str
    legal: str
    domain: str
    country: str
    city: str
    postcode: str
    industry: str
    size: int


def _read(table: str) -> tuple[Firm, ...]:
    firms = []
    for line in table.strip().splitlines():
        name, legal, domain, country, city, postcode, industry, size = (part.strip() for part in line.split("|"))
        firms.append(Firm(name, legal, domain, country, city, postcode, industry, int(size)))
    return tuple(firms)


#: In both systems.
SHARED = _read("""
Brindlewick Foods      | Ltd          | brindlewickfoods.co.uk  | GB | Bristol     | BS1 4QA | Food & Beverage  | 4
Tallowmere Insurance   | plc          | tallowmere.co.uk        | GB | Leeds       | LS1 2TW | Insurance        | 9
Quarrybank Logistics   | Limited      | quarrybank-logistics.co.uk | GB | Doncaster | DN4 5PF | Transportation  | 4
Fenwold Energy         | Ltd          | fenwold-energy.com      | GB | Norwich     | NR1 3JU | Energy           | 4
Ashgrove & Pell        | LLP          | ashgrovepell.co.uk      | GB | London      | EC2A 4NE | Consulting      | 3
Copperline Studios     | Ltd          | copperlinestudios.io    | GB | Brighton    | BN1 1GE | Media            | 3
Hollin Hey Brewery     | Ltd          | hollinheybrewery.co.uk  | GB | Sheffield   | S3 8GG  | Food & Beverage  | 2
Marrowby Dental Group  | Ltd          | marrowbydental.co.uk    | GB | York        | YO1 9TL | Healthcare       | 3
Northmoor Rail Systems | plc          | northmoor-rail.com      | GB | Derby       | DE24 8AA | Transportation  | 6
Pellwater Homes        | Ltd          | pellwaterhomes.co.uk    | GB | Reading     | RG1 3BD | Construction     | 3
Sandlark Travel        | Limited      | sandlarktravel.co.uk    | GB | Manchester  | M2 5DB  | Hospitality      | 3
Thistledown Toys       | Ltd          | thistledowntoys.co.uk   | GB | Edinburgh   | EH2 4JN | Retail           | 2
Wexcombe University Press | Ltd       | wexcombepress.co.uk     | GB | Oxford      | OX1 2EP | Education        | 2
Larkspur Mutual        | plc          | larkspurmutual.co.uk    | GB | Birmingham  | B3 2DJ  | Finance          | 5
Gritstone Outdoor      | Ltd          | gritstoneoutdoor.com    | GB | Kendal      | LA9 4TF | Retail           | 3
Verityhouse Legal      | LLP          | verityhouse-legal.co.uk | GB | London      | WC1V 6LJ | Consulting      | 2
Oakhanger Robotics     | Ltd          | oakhangerrobotics.io    | GB | Cambridge   | CB4 0WS | Technology       | 3
Saltmarsh Seafoods     | Ltd          | saltmarshseafoods.co.uk | GB | Grimsby     | DN31 3SY | Food & Beverage | 2
Hartley Joinery        | & Sons Ltd   | hartleyjoinery.co.uk    | GB | Halifax     | HX1 5QR | Construction     | 1
Beckett Garden Centres | Ltd          | beckettgardens.co.uk    | GB | Guildford   | GU1 3AA | Retail           | 1
Nordfeld Maschinenbau  | GmbH         | nordfeld-maschinen.de   | DE | Bremen      | 28195   | Manufacturing    | 7
Lindqvell Optik        | GmbH & Co. KG | lindqvell-optik.de     | DE | Jena        | 07743   | Manufacturing    | 3
Steinwald Versicherung | AG           | steinwald-versicherung.de | DE | Köln      | 50667   | Insurance        | 8
Ebbinghausener Kaffee  | GmbH         | ebbinghausener.de       | DE | Hamburg     | 20457   | Food & Beverage  | 3
Rotdorn Verlag         | GmbH         | rotdorn-verlag.de       | DE | Leipzig     | 04109   | Media            | 3
Havelufer Hotels       | AG           | havelufer-hotels.de     | DE | Potsdam     | 14467   | Hospitality      | 3
Kranichfeld Solar      | GmbH         | kranichfeld-solar.de    | DE | Erfurt      | 99084   | Energy           | 3
Brückenau Medizintechnik | GmbH       | brueckenau-medtec.de    | DE | Würzburg    | 97070   | Healthcare       | 4
Tannhof Möbel          | GmbH & Co. KG | tannhof-moebel.de      | DE | Paderborn   | 33098   | Retail           | 3
Zollgrund Logistik     | GmbH         | zollgrund.de            | DE | Duisburg    | 47051   | Transportation   | 3
Albstern Software      | GmbH         | albstern.io             | DE | Stuttgart   | 70173   | Technology       | 5
Wiesenthaler Molkerei  | eG           | wiesenthaler-molkerei.de | DE | Kempten    | 87435   | Food & Beverage  | 2
Oberländer Bau         | GmbH         | oberlaender-bau.de      | DE | Rosenheim   | 83022   | Construction     | 1
Mondsee Akademie       | gGmbH        | mondsee-akademie.de     | DE | München     | 80331   | Education        | 2
Dockhaven Analytics    | Inc.         | dockhavenanalytics.com  | US | Baltimore   | 21202   | Technology       | 4
Prairie Lantern Health | LLC          | prairielantern.com      | US | Omaha       | 68102   | Healthcare       | 4
Copper Basin Outfitters | Inc.        | copperbasinoutfitters.com | US | Tucson    | 85701   | Retail           | 3
Juniper Causeway Bank  | Corporation  | junipercauseway.com     | US | Charlotte   | 28202   | Finance          | 6
Tidewrack Marine       | LLC          | tidewrackmarine.com     | US | Seattle     | 98101   | Manufacturing    | 2
Blue Mesa Learning     | Inc.         | bluemesalearning.com    | US | Denver      | 80202   | Education        | 3
Harrow Street Media    | LLC          | harrowstreetmedia.com   | US | Brooklyn    | 11201   | Media            | 2
Sycamore Fork Farms    | Inc.         | sycamorefork.com        | US | Fresno      | 93721   | Agriculture      | 2
Ironwood Transit       | Corp.        | ironwoodtransit.com     | US | Phoenix     | 85004   | Transportation   | 3
Wattlebird Wines       | Pty Ltd      | wattlebirdwines.com.au  | AU | Adelaide    | 5000    | Food & Beverage  | 2
Coorabell Resorts      | Pty Limited  | coorabellresorts.com.au | AU | Byron Bay   | 2481    | Hospitality      | 2
Banksia Ridge Mining   | Ltd          | banksiaridge.com.au     | AU | Perth       | 6000    | Engineering      | 3
Bilga Street Digital   | Pty Ltd      | bilgastreet.com.au      | AU | Melbourne   | 3000    | Technology       | 2
Wiatrakowo Meble       | Sp. z o.o.   | wiatrakowo-meble.com    | PL | Poznań      | 61-001  | Manufacturing    | 3
Zielone Tory           | S.A.         | zielonetory.com         | PL | Wrocław     | 50-001  | Transportation   | 2
Maison Vaucreuil       | SAS          | maison-vaucreuil.com    | FR | Lyon        | 69002   | Retail           | 2
Atelier Brumelune      | SARL         | brumelune.com           | FR | Nantes      | 44000   | Media            | 2
Fjordvik Shipping      | AS           | fjordvikshipping.com    | NO | Bergen      | 5003    | Transportation   | 3
Solsletta Design       | AS           | solsletta.io            | NO | Oslo        | 0150    | Media            | 2
Hanami Precision       | K.K.         | hanamiprecision.com     | JP | Osaka       | 530-0001 | Manufacturing   | 3
Silverreach Trading    | Pte Ltd      | silverreachtrading.com  | SG | Singapore   | 048616  | Finance          | 3
Kestrelgate Systems    | Ltd          | kestrelgate.io          | GB | London      | EC1V 9NR | Technology      | 10
Ridgeholm Group        | plc          | ridgeholm.com           | GB | London      | SW1Y 4JU | Finance         | 11
Nachtfalter Games      | GmbH         | nachtfalter-games.de    | DE | Berlin      | 10115   | Media            | 3
Pepperwell Sauces      | Ltd          | pepperwell.co.uk        | GB | Cardiff     | CF10 3RB | Food & Beverage | 2
Meridian Quill         | Ltd          | meridianquill.co.uk     | GB | London      | N1 7GU  | Consulting       | 2
Gleisdreieck Werbung   | GmbH         | gleisdreieck-werbung.de | DE | Berlin      | 10963   | Media            | 2
""")

#: In Salesforce only.
ACCOUNTS_ONLY = _read("""
Ridgeholm Property     | Ltd          | ridgeholm.com           | GB | Leeds       | LS11 5QN | Other           | 1
Stonecrop Civils       | Ltd          | stonecropcivils.co.uk   | GB | Exeter      | EX1 1GJ | Construction     | 2
Hafenkante Immobilien  | GmbH         | hafenkante-immo.de      | DE | Kiel        | 24103   | Other            | 2
Umbervale Water        | plc          | umbervalewater.co.uk    | GB | Durham      | DH1 3UJ | Utilities        | 2
Crestline Title        | LLC          | crestlinetitle.com      | US | Boise       | 83702   | Other            | 2
Meridian Quill         | GmbH         | meridian-quill.de       | DE | Frankfurt   | 60311   | Consulting       | 1
Yarrabee Freight       | Pty Ltd      | yarrabeefreight.com.au  | AU | Brisbane    | 4000    | Transportation   | 2
Schieferhof Dach       | GmbH         | schieferhof-dach.de     | DE | Koblenz     | 56068   | Construction     | 2
""")

#: In HubSpot only: made from form submissions and visits to the web site.
COMPANIES_ONLY = _read("""
Petalworks Florists    | Ltd          | petalworks-florists.co.uk | GB | Bath      | BA1 1LN | Retail           | 2
Cloudberry Apps        | Ltd          | cloudberryapps.io       | GB | London      | E2 8DD  | Technology       | 3
Snowgoose Skincare     | Ltd          | snowgooseskincare.com   | GB | Chester     | CH1 2HQ | Retail           | 2
Tinderbox Theatre Co   | CIC          | tinderboxtheatre.co.uk  | GB | Liverpool   | L1 9AX  | Media            | 2
Maplethorpe Motors     | Ltd          | maplethorpemotors.co.uk | GB | Lincoln     | LN1 1DG | Retail           | 2
Bluffside Brewing      | LLC          | bluffsidebrewing.com    | US | Duluth      | 55802   | Food & Beverage  | 2
Paperkite Stationery   | Inc.         | paperkitestationery.com | US | Portland    | 97205   | Retail           | 2
Quillfeather Schools   | Inc.         | quillfeather.com        | US | Albany      | 12207   | Education        | 2
Redbud Pediatrics      | PLLC         | redbudpediatrics.com    | US | Tulsa       | 74103   | Healthcare       | 2
Lumenhof Licht         | GmbH         | lumenhof-licht.de       | DE | Dortmund    | 44135   | Manufacturing    | 2
Spreewind Fahrräder    | GmbH         | spreewind-raeder.de     | DE | Cottbus     | 03046   | Retail           | 2
Honigtal Imkerei       | eK           | honigtal.de             | DE | Freiburg    | 79098   | Agriculture      | 1
Kieselbach Yoga        | UG           | kieselbach-yoga.de      | DE | Bonn        | 53111   | Healthcare       | 1
Falkenrode Catering    | GmbH         | falkenrode-catering.de  | DE | Kassel      | 34117   | Hospitality      | 2
Wombat & Gum           | Pty Ltd      | wombatandgum.com.au     | AU | Hobart      | 7000    | Retail           | 2
Goldfinch Podcasts     | Ltd          | goldfinchpodcasts.io    | GB | Glasgow     | G1 3SL  | Media            | 2
Turnstone Festivals    | Ltd          | turnstonefestivals.co.uk | GB | Newcastle  | NE1 4ST | Hospitality      | 2
Papillon d'Ardoise     | SARL         | papillon-ardoise.com    | FR | Angers      | 49100   | Retail           | 1
Bursztynowy Brzeg      | Sp. z o.o.   | bursztynowybrzeg.com    | PL | Gdańsk      | 80-831  | Hospitality      | 2
Mooncarrot             | Ltd          | mooncarrot.io           | GB | London      | SE1 0AS | Technology       | 2
Rowanbrae Knitwear     | Ltd          | rowanbraeknitwear.co.uk | GB | Inverness   | IV1 1HY | Retail           | 1
Sternfrucht Saft       | GmbH         | sternfrucht.de          | DE | Mainz       | 55116   | Food & Beverage  | 2
Harbourlight Care      | CIC          | harbourlightcare.co.uk  | GB | Plymouth    | PL1 2AA | Healthcare       | 2
""")

#: The large ones, where two people with one name work, by domain.
LARGE = ("ridgeholm.com", "kestrelgate.io", "tallowmere.co.uk", "steinwald-versicherung.de")
#: The family businesses, where father and son work under one name: domain -> (given, family, culture).
FAMILY = {
    "hartleyjoinery.co.uk": ("William", "Hartley", "en"),
    "oberlaender-bau.de": ("Hans-Peter", "Oberländer", "de"),
    "beckettgardens.co.uk": ("Thomas", "Beckett", "en"),
    "sycamorefork.com": ("Leonard", "Prescott", "en"),
    "wattlebirdwines.com.au": ("George", "Merriweather", "en"),
}
#: Of firms in both systems: those whose web address one system lacks, so that only the name tells.
BY_NAME_ONLY = ("hollinheybrewery.co.uk", "mondsee-akademie.de", "tidewrackmarine.com")

COUNTRY_NAMES = {
    "GB": "United Kingdom",
    "DE": "Germany",
    "US": "United States",
    "AU": "Australia",
    "PL": "Poland",
    "FR": "France",
    "NO": "Norway",
    "JP": "Japan",
    "SG": "Singapore",
}
US_STATES = {
    "Baltimore": "MD",
    "Omaha": "NE",
    "Tucson": "AZ",
    "Charlotte": "NC",
    "Seattle": "WA",
    "Denver": "CO",
    "Brooklyn": "NY",
    "Fresno": "CA",
    "Phoenix": "AZ",
    "Boise": "ID",
    "Duluth": "MN",
    "Portland": "OR",
    "Albany": "NY",
    "Tulsa": "OK",
}
