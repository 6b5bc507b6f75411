"""Countries: legal forms, endings of domains, cities, free mail, words of trade. Written for the generator from what
anyone knows; the product's lists are not read, so that the two are independent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Place:
    region: str
    ending: str
    legal: tuple[str, ...]
    free: tuple[str, ...]
    trades: tuple[str, ...]
    cities: tuple[str, ...]


def _place(region: str, ending: str, legal: str, free: str, trades: str, cities: str) -> Place:
    return Place(region, ending, *(tuple(text.split("|")) for text in (legal, free, trades, cities)))


_GLOBAL: Final = "gmail.com|gmail.com|gmail.com|outlook.com|hotmail.com|icloud.com|yahoo.com"
_ENGLISH: Final = "Consulting|Logistics|Software|Foods|Engineering|Partners|Solutions|Healthcare|Media|Energy|Labs"
_GERMAN: Final = "Bau|Technik|Logistik|Software|Maschinenbau|Elektro|Metallbau|Beratung|Druck|Immobilien|Werkzeuge"
_ROMANCE: Final = "Servicios|Sistemas|Consultores|Alimentos|Energia|Logistica|Ingenieria|Medica|Textil|Inmobiliaria"
_FRENCH: Final = "Conseil|Logistique|Services|Industries|Bâtiment|Informatique|Santé|Énergie|Transports|Textile"

#: By Faker locale.
PLACES: Final = {
    "en_US": _place("US", "com", "Inc.|LLC|Corp.|Inc|Co.|LP", f"{_GLOBAL}|aol.com|comcast.net", _ENGLISH,
                    "New York|Chicago|Austin|Denver|Seattle|Boston|Atlanta|Portland"),
    "en_GB": _place("GB", "co.uk", "Ltd|Limited|PLC|LLP|Ltd.", f"{_GLOBAL}|btinternet.com|yahoo.co.uk", _ENGLISH,
                    "London|Leeds|Bristol|Manchester|Glasgow|York"),
    "en_NZ": _place("NZ", "co.nz", "Ltd|Limited", f"{_GLOBAL}|xtra.co.nz", _ENGLISH, "Auckland|Wellington|Dunedin"),
    "en_IE": _place("IE", "ie", "Ltd|DAC|PLC|Limited", f"{_GLOBAL}|eircom.net", _ENGLISH, "Dublin|Cork|Galway"),
    "en_IN": _place("IN", "in", "Pvt Ltd|Private Limited|Ltd|LLP", f"{_GLOBAL}|rediffmail.com", _ENGLISH,
                    "Mumbai|Pune|Bengaluru|Chennai|Delhi|Hyderabad"),
    "de_DE": _place("DE", "de", "GmbH|AG|GmbH & Co. KG|KG|e.K.|UG (haftungsbeschränkt)|SE|mbH",
                    f"{_GLOBAL}|gmx.de|web.de|t-online.de|gmx.net|freenet.de", _GERMAN,
                    "Berlin|Hamburg|München|Köln|Stuttgart|Leipzig|Nürnberg|Münster"),
    "de_AT": _place("AT", "at", "GmbH|AG|KG|OG|Ges.m.b.H.|e.U.", f"{_GLOBAL}|gmx.at|aon.at|chello.at", _GERMAN,
                    "Wien|Graz|Linz|Salzburg|Innsbruck"),
    "de_CH": _place("CH", "ch", "AG|GmbH|SA|Sàrl", f"{_GLOBAL}|bluewin.ch|gmx.ch|hispeed.ch", _GERMAN,
                    "Zürich|Basel|Bern|Luzern|St. Gallen"),
    "fr_FR": _place("FR", "fr", "SA|SARL|SAS|S.A.S.|S.A.R.L.|EURL", f"{_GLOBAL}|orange.fr|free.fr|wanadoo.fr", _FRENCH,
                    "Paris|Lyon|Lille|Nantes|Bordeaux|Toulouse"),
    "fr_CA": _place("CA", "ca", "Inc.|Ltée|Inc|Enr.", f"{_GLOBAL}|videotron.ca|sympatico.ca", _FRENCH,
                    "Montréal|Québec|Laval|Gatineau"),
    "it_IT": _place("IT", "it", "S.r.l.|S.p.A.|srl|SpA|S.n.c.|S.a.s.", f"{_GLOBAL}|libero.it|virgilio.it|alice.it",
                    "Costruzioni|Impianti|Servizi|Meccanica|Logistica|Alimentari|Energia|Tessuti",
                    "Milano|Roma|Torino|Bologna|Verona|Napoli"),
    "es_ES": _place("ES", "es", "S.L.|S.A.|SL|SA|S.L.U.", f"{_GLOBAL}|telefonica.net|hotmail.es", _ROMANCE,
                    "Madrid|Barcelona|Valencia|Sevilla|Bilbao"),
    "es_MX": _place("MX", "com.mx", "S.A. de C.V.|SA de CV|S. de R.L.", f"{_GLOBAL}|yahoo.com.mx|prodigy.net.mx",
                    _ROMANCE, "Ciudad de México|Monterrey|Guadalajara|Puebla"),
    "es_CO": _place("CO", "com.co", "S.A.S.|SAS|S.A.|Ltda.", f"{_GLOBAL}|hotmail.es", _ROMANCE,
                    "Bogotá|Medellín|Cali|Barranquilla"),
    "pt_BR": _place("BR", "com.br", "Ltda|LTDA.|S.A.|S/A|ME|EIRELI", f"{_GLOBAL}|uol.com.br|bol.com.br|terra.com.br",
                    "Serviços|Sistemas|Consultoria|Alimentos|Energia|Logística|Engenharia|Têxtil",
                    "São Paulo|Curitiba|Recife|Salvador|Campinas"),
    "pt_PT": _place("PT", "pt", "Lda|Lda.|S.A.|SA|Unipessoal Lda", f"{_GLOBAL}|sapo.pt",
                    "Serviços|Sistemas|Consultoria|Alimentar|Energia|Logística|Têxteis", "Lisboa|Porto|Braga|Coimbra"),
    "nl_NL": _place("NL", "nl", "B.V.|BV|N.V.|VOF", f"{_GLOBAL}|ziggo.nl|kpnmail.nl|xs4all.nl",
                    "Bouw|Techniek|Logistiek|Advies|Installaties|Transport|Zorg", "Amsterdam|Utrecht|Eindhoven|Breda"),
    "nl_BE": _place("BE", "be", "NV|BV|BVBA|N.V.", f"{_GLOBAL}|telenet.be|skynet.be",
                    "Bouw|Techniek|Logistiek|Advies|Transport|Zorg", "Antwerpen|Gent|Leuven|Brugge"),
    "pl_PL": _place("PL", "pl", "Sp. z o.o.|S.A.|sp.j.|sp. z o. o.", f"{_GLOBAL}|wp.pl|onet.pl|o2.pl|interia.pl",
                    "Budownictwo|Transport|Systemy|Doradztwo|Energia|Metal", "Warszawa|Kraków|Łódź|Wrocław"),
    "sv_SE": _place("SE", "se", "AB|Aktiebolag|HB|KB", f"{_GLOBAL}|telia.com|spray.se",
                    "Bygg|Teknik|Logistik|Konsult|Energi|Data", "Stockholm|Göteborg|Malmö|Uppsala"),
    "da_DK": _place("DK", "dk", "A/S|ApS|I/S", f"{_GLOBAL}|mail.dk|jubii.dk", "Byg|Teknik|Logistik|Rådgivning|Energi",
                    "København|Aarhus|Odense"),
    "fi_FI": _place("FI", "fi", "Oy|Oyj|Ky|Tmi", f"{_GLOBAL}|luukku.com|kolumbus.fi",
                    "Rakennus|Tekniikka|Logistiikka|Palvelut|Energia", "Helsinki|Tampere|Turku|Jyväskylä"),
    "cs_CZ": _place("CZ", "cz", "s.r.o.|a.s.|spol. s r.o.|v.o.s.", f"{_GLOBAL}|seznam.cz|email.cz|centrum.cz",
                    "Stavby|Technika|Doprava|Služby|Energie|Kovo", "Praha|Brno|Ostrava|Plzeň"),
    "hu_HU": _place("HU", "hu", "Kft.|Zrt.|Bt.|Nyrt.", f"{_GLOBAL}|freemail.hu|citromail.hu",
                    "Építő|Technika|Szállítás|Szolgáltató|Energia", "Budapest|Szeged|Pécs|Győr"),
    "ro_RO": _place("RO", "ro", "S.R.L.|SRL|S.A.", f"{_GLOBAL}|yahoo.ro", "Construct|Servicii|Trans|Consulting|Energie",
                    "București|Cluj-Napoca|Iași|Timișoara"),
    "tr_TR": _place("TR", "com.tr", "A.Ş.|Ltd. Şti.|AŞ", f"{_GLOBAL}|mynet.com",
                    "İnşaat|Lojistik|Yazılım|Danışmanlık|Enerji|Tekstil", "İstanbul|Ankara|İzmir|Bursa"),
    "vi_VN": _place("VN", "com.vn", "JSC|Co., Ltd|TNHH", _GLOBAL, _ENGLISH, "Hà Nội|Đà Nẵng|Huế"),
    "ru_RU": _place("RU", "ru", "ООО|АО|ЗАО|ПАО", f"{_GLOBAL}|mail.ru|yandex.ru|rambler.ru",
                    "Строй|Логистика|Сервис|Энергия|Торг|Проект", "Москва|Казань|Самара|Пермь"),
    "uk_UA": _place("UA", "com.ua", "ТОВ|ПрАТ|АТ", f"{_GLOBAL}|ukr.net|i.ua", "Буд|Логістика|Сервіс|Енергія|Торг",
                    "Київ|Львів|Одеса|Харків"),
    "bg_BG": _place("BG", "bg", "ООД|ЕООД|АД", f"{_GLOBAL}|abv.bg", "Строй|Логистика|Сервиз|Енергия",
                    "София|Варна|Русе"),
    "el_GR": _place("GR", "gr", "Α.Ε.|Ε.Π.Ε.|Ι.Κ.Ε.", f"{_GLOBAL}|otenet.gr", "Κατασκευές|Ενέργεια|Τεχνική|Μεταφορές",
                    "Αθήνα|Πάτρα|Βόλος"),
    "fr_DZ": _place("DZ", "dz", "SARL|SPA|EURL", f"{_GLOBAL}|yahoo.fr", _FRENCH, "Alger|Oran|Constantine"),
    "zh_CN": _place("CN", "cn", "有限公司|股份有限公司", "qq.com|163.com|126.com|gmail.com|sina.com",
                    "科技|物流|贸易|电子|能源|食品", "北京|上海|深圳|广州"),
    "zh_TW": _place("TW", "com.tw", "有限公司|股份有限公司", "gmail.com|yahoo.com|hotmail.com",
                    "科技|物流|貿易|電子|能源", "台北|高雄|台中"),
    "ja_JP": _place("JP", "co.jp", "株式会社|有限会社|合同会社", "gmail.com|yahoo.co.jp|docomo.ne.jp|nifty.com",
                    "製作所|工業|商事|電機|建設|食品", "東京|大阪|名古屋|京都"),
    "ko_KR": _place("KR", "co.kr", "주식회사|(주)", "naver.com|daum.net|gmail.com|hanmail.net",
                    "전자|물산|건설|화학|식품", "서울|부산|대구"),
}  # fmt: skip

#: Jobs, and the ways in which the same one is written.
TITLES: Final = (
    ("Chief Executive Officer", "CEO", "Managing Director", "Geschäftsführer"),
    ("Chief Financial Officer", "CFO", "Finance Director"),
    ("Head of Marketing", "Marketing Director", "Marketing Lead"),
    ("Marketing Manager", "Manager Marketing"),
    ("Sales Manager", "Manager, Sales", "Vertriebsleiter"),
    ("Account Executive", "Sales Executive", "AE"),
    ("Software Engineer", "Developer", "Software Developer"),
    ("Purchasing Manager", "Head of Procurement", "Einkaufsleiter"),
    ("HR Manager", "Human Resources Manager", "Head of People"),
    ("Project Manager", "PM", "Projektleiter"),
    ("Office Manager", "Assistant", "Office Administrator"),
    ("Operations Manager", "COO", "Head of Operations"),
    ("IT Manager", "Head of IT", "IT-Leiter"),
    ("Product Manager", "Product Owner"),
    ("Consultant", "Senior Consultant", "Berater"),
    ("Engineer", "Ingenieur", "Senior Engineer"),
    ("Accountant", "Buchhalter", "Bookkeeper"),
    ("Owner", "Inhaber", "Founder", "Gérant"),
    ("Professor", "Prof.", "Lecturer"),
    ("Buyer", "Einkäufer", "Procurement Specialist"),
)
#: Mailboxes that several people of a company read.
MAILBOXES: Final = (
    "info",
    "info",
    "info",
    "office",
    "sales",
    "contact",
    "kontakt",
    "mail",
    "support",
    "hello",
    "ventas",
)
#: Hosts that hand out addresses for an hour.
THROWN_AWAY: Final = ("mailinator.com", "guerrillamail.com", "yopmail.com", "trashmail.com", "10minutemail.com")
#: Familiar forms outside English (English ones come from the package `nicknames`).
FAMILIAR: Final = {
    "Johannes": ("Hans", "Hannes"), "Josef": ("Sepp", "Pepi"), "Wilhelm": ("Willi",), "Friedrich": ("Fritz",),
    "Elisabeth": ("Lisa", "Sissi", "Lisi"), "Katharina": ("Kathi", "Katja"), "Alexander": ("Alex", "Sascha"),
    "Michael": ("Michi", "Mike"), "Andreas": ("Andi",), "Sebastian": ("Basti",), "Maximilian": ("Max",),
    "Christian": ("Chris",), "Matthias": ("Matze",), "Ulrich": ("Uli",), "Wolfgang": ("Wolf",), "Susanne": ("Susi",),
    "Gabriele": ("Gabi",), "Stefanie": ("Steffi",), "Johanna": ("Hanna",), "Francisco": ("Paco", "Pancho"),
    "José": ("Pepe",), "Ignacio": ("Nacho",), "Guadalupe": ("Lupe",), "Enrique": ("Quique",), "Dolores": ("Lola",),
    "Giuseppe": ("Beppe", "Pino"), "Luigi": ("Gigi",), "Francesca": ("Franca",), "Giovanni": ("Gianni",),
    "Александр": ("Саша",), "Дмитрий": ("Дима",), "Владимир": ("Вова",), "Екатерина": ("Катя",), "Мария": ("Маша",),
    "Анна": ("Аня",), "Евгений": ("Женя",), "Krzysztof": ("Krzysiek",), "Katarzyna": ("Kasia",), "Tomasz": ("Tomek",),
    "Małgorzata": ("Gosia",), "Stanislav": ("Standa",), "František": ("Franta",), "Kateřina": ("Katka",),
    "Jean-Pierre": ("JP",), "Frédéric": ("Fred",), "Dominique": ("Dom",), "Antônio": ("Toninho",),
    "Johan": ("Jan", "Joop"), "Cornelis": ("Kees",), "Hendrik": ("Henk",), "Margaretha": ("Greet",),
}  # fmt: skip
