"""Words that tell who is who: nicknames, mailboxes, free mail, legal forms, honorifics, in several languages.

Written by us, of moderate size, and ordinary: words that anyone would list, none fitted to a data set. Only data, in
folded form (lower case, no diacritics, see `names.fold`); decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: A full given name, then its short and familiar forms. A short form may stand for several full names.
_NICKNAMES: Final = """
abigail abby abbie gail
abraham abe bram
adalbert bert
adelheid heidi
albert al bert bertie
alejandro alex ale
alexander alex al xander sandy alec sascha sasha lex
alexandra alex sandy sasha lexi
alfred al fred alf alfie
amanda mandy
andreas andi andy
andrew andy drew
andrei andrey andrej
angela angie angelika
anna ann annie anni
annabelle belle
anthony tony ant
antonio toni tony
antonia toni tonia
archibald archie
arthur art artie
barbara barb babs barbie
bartholomaeus bart
bartholomew bart
beatrice bea trixie
benedikt ben bene
benjamin ben benny benji benni
bernard bernie
bernhard bernd berni
bradley brad
calvin cal
cameron cam
carolina caro carol
caroline caro carol carrie lina
catherine cathy cath kate katie kathy cate kat
charles charlie chuck chas chaz charly
charlotte lotte lottie charlie
christian chris
christiane chris
christina chris tina christa kristina kirsten
christine chris chrissie tina christl
christopher chris kit topher christoph kristopher
clifford cliff
clinton clint
cornelia conny nelly
cornelius con neil
cynthia cindy
daniel dan danny dani
daniela dani
david dave davey davy
deborah deb debbie debby debra
dennis denny
diana di
dietrich dieter
dmitri dima mitya dmitry dimitri
dominic dom nick dominik
donald don donnie donny
dorothea dora thea dorle
dorothy dot dottie dolly
douglas doug
edmund ed eddie ted
eduardo edu lalo
edward ed eddie ted teddy ned edouard
edwin ed eddie
eleanor ellie nell nora
elisabeth lisa elli lisbeth sissi betty liesel elsbeth
elizabeth liz lizzie beth betsy betty eliza ellie lisa libby bess
emanuel manu manuel
emily em emmy
emma em
enrique quique kike
ernest ernie
ernst ernie
eugene gene
evelyn eve evie
ezekiel zeke
felicitas feli
ferdinand ferdi nando
florian flo
frances fran fanny frankie
francesca franca cesca
francesco franco checco
francis frank fran
francisco paco pancho fran curro
frank frankie
franklin frank
franz francois
franziska franzi fran
frederick fred freddie freddy rick
frederic fred
friedrich fritz fred
gabriel gabe gabi
gabriela gabi gaby
gabriele gabi gaby
gabriella gabi gaby ella
gabrielle gabi gaby
georg schorsch
george georgie
gerald gerry jerry
gerard gerry
gerhard gerd hardy
gertrud trude gerti
giovanni gianni vanni nino
giuseppe beppe pino peppe
gottfried friedel
gregory greg gregg
gregor greg
guadalupe lupe
guenter guenther gunter gunther
guillermo memo guille
gustav gus
guy guido
harold harry hal
harrison harry
heinrich heinz henrik heiner hein
helen nell nellie
helena lena
helene lene leni
henry harry hank hal
herbert herb bert herbie
hermann harry
hildegard hilde
howard howie
hubert bert hubi
ignacio nacho
ignatius iggy
ingeborg inge
isabel isa izzy bella
isabella isa izzy bella
isidor isi
ivan vanya
jacob jake jack jakob coby
jacqueline jackie jacky
jakob jake kobi
james jim jimmy jamie jem
jane janie janey
janet jan
janice jan
jeffrey jeff geoff
geoffrey geoff jeff
jennifer jen jenny jenni
jeremiah jerry
jeremy jem jerry
jerome jerry
jessica jess jessie
jesus chucho chuy
joachim jochen achim jo
joan joanie
joanna jo joanne asia
johann hans hannes
johanna hanna jo
johannes hans hannes
john jack johnny jon johnnie
jonathan jon jonny johnny
jorge coque
jose pepe
josef sepp jupp beppo seppi
josefa sefa
joseph joe joey jo
josephine josie jo fina
joshua josh
juan juanito
judith judy judi
julia jule
julian jules
juergen jurgen
karl carl charly kalle
karoline caro
karolina karo
katarina kata
katarzyna kasia
katharina kathi kathy katja kati kathrin katrin kaethe
katherine kathy kate katie kat kathryn katharine kay kitty
kathleen kathy kate kat
kenneth ken kenny
kimberly kim
klaus claus
konrad conny
konstantin kosta kostya
laurence larry
lawrence larry
leonard len leo lenny
leonardo leo
leonhard leo
leopold leo poldi
leslie les
lorenzo enzo
louis lou louie
louise lou
lucas luke luc
lucille lucy
ludwig lutz lui
luis lucho
lukas luc luke
maddison maddy
madeleine maddy
madeline maddy
magdalena lena magda
malgorzata gosia
manfred manni fred
manuel manolo manu
manuela manu ela
marcus marc mark
margaret maggie meg peggy marge margie madge peg
margarete grete gretel margit greta
margarethe grete gretel margit greta
maria mimi
mariana mari
mark marc
markus mark
martha marty patty
martin marty
martina tina
mary molly polly
mathilde tilde hilde
matthew matt matty
matthias matze hias
maurice moe
maximilian max maxi
maxwell max
melanie mel mella
melissa mel missy
michael mike mick mickey micky mikey michi mischa
michaela michi ela
michelle shelly
miguel migue
mikhail misha mikhael
miriam mimi
mitchell mitch
mohammed mohamed muhammad mohammad mehmet mo
monika moni
nancy nan
natalia natasha
natalie nat
natasha tasha nat
nathan nate nat
nathaniel nate nat
nicholas nick nicky nico colas nicolas
nicola nicky nico
nicole nicki nicky nici
nikolai kolya nik
nikolaus klaus niko nico nik nick
norbert bert
norman norm
oliver ollie oli olli
olivia liv livvy
oscar ossie
pamela pam
patricia pat patty tricia trish patsy
patrick pat paddy rick
paulina paula
penelope penny
peter pete
petra pet
philip phil pip phillip
philipp phil
priscilla cilla
rachel rae
rafael rafa
raimund ray
randolph randy
raphael rafi
raymond ray
rebecca becky becca bex
regina gina
reinhard hardy
renate nate
ricardo rico
richard rick rich dick ricky richie dickie
robert bob rob bobby robbie bert bobbie robby
roberta bobbie
roberto beto
roderick rod
rodney rod
rodrigo rodri
roger rodge
roland rolli
ronald ron ronnie ronny
rosemarie rosi
rosemary rose rosie
rudolf rudi rolf
rudolph rudy
russell russ rusty
salvatore toto turi
samantha sam sammy
samson sam
samuel sam sammy
sandra sandy
sebastian seb bastian basti wastl
sergei seryozha
sergio checo
siegfried sigi siggi
sigmund sigi
sofia sofi sonya
solomon sol
stanley stan
stefanie steffi stefi
stephan steve steffen
stephanie steph stephie steffi
stephen steve steph stevie
steven steve stevie
stewart stu
stuart stu
susan sue susie suzie suzy
susanna susi sanna
susanne susi suse sanne
sylvester sly
sylvia silvia
teresa terry tess
terence terry
theodor theo teo
theodore ted theo teddy
theresa terry tess tessa tracy resi
therese resi
thomas tom tommy thom
timothy tim timmy
tobias tobi toby
ulrich uli ulli ulf
ulrike uli rike ulli
ursula uschi ulla
valentin vali
valentina vale tina
veronica ronnie vera
veronika vroni vera
victor vic
victoria vicky tori vic
viktoria vicky vicki
vincent vince vinny
vincenzo enzo
virginia ginny
vladimir vova volodya
waldemar waldi
walter walt wally
wilhelm willi willy wim
wilhelmina mina wilma
william bill will billy willie liam willy
winifred winnie
winston win
wolfgang wolf wolfi
xaver xaverl
yevgeny zhenya evgeny
zachary zach zack zac
"""


def _nicknames() -> Mapping[str, frozenset[str]]:
    """For each form the full names that it may stand for; a full name stands for itself."""
    stands_for: dict[str, set[str]] = {}
    for line in _NICKNAMES.split("\n"):
        full, *short = line.split() or [""]
        for form in (full, *short):
            stands_for.setdefault(form, set()).add(full)
    stands_for.pop("", None)
    return MappingProxyType({form: frozenset(fulls) for form, fulls in stands_for.items()})


#: A form of a given name -> the full names it may stand for.
NICKNAMES: Final = _nicknames()


def _short_forms() -> Mapping[str, frozenset[str]]:
    forms: dict[str, set[str]] = {}
    for form, fulls in NICKNAMES.items():
        for full in fulls:
            forms.setdefault(full, set()).add(form)
    return MappingProxyType({full: frozenset(short) for full, short in forms.items()})


#: A full name -> its short and familiar forms, and itself.
SHORT_FORMS: Final = _short_forms()

#: Given names and surnames that so many people bear that two strangers at one large company may well share both.
COMMON_GIVEN: Final = _words(
    """john james robert michael william david richard joseph thomas charles christopher daniel matthew anthony mark
    steven paul andrew mary patricia jennifer linda elizabeth barbara susan jessica sarah karen lisa nancy anna
    maria jose juan luis carlos francisco antonio manuel pedro jorge miguel ana carmen laura marta giuseppe
    marco luca andrea francesco giovanni hans peter wolfgang klaus michael stefan andreas thomas christian
    juergen jurgen martin markus sabine petra monika claudia julia katharina jean pierre michel philippe nicolas
    marie isabelle nathalie sophie jan piotr krzysztof andrzej tomasz wei li min ming jun lei yan hui jing ying
    mohamed ahmed ali omar fatima rahul amit sanjay raj priya ivan sergei alexander dmitri olga elena natalia
    kevin brian george edward ronald timothy jason jeffrey ryan jacob gary eric stephen jonathan emily emma
    olivia kim lars erik anders johan per"""
)
COMMON_FAMILY: Final = _words(
    """smith johnson williams brown jones miller davis garcia rodriguez wilson martinez anderson taylor thomas
    hernandez moore martin jackson thompson white lopez lee gonzalez harris clark lewis robinson walker perez
    hall young allen sanchez wright king scott green baker adams nelson hill ramirez campbell mitchell roberts
    carter phillips evans turner torres parker collins edwards stewart flores morris nguyen murphy rivera cook
    rogers morgan peterson cooper reed bailey bell gomez kelly howard ward cox diaz richardson wood watson
    brooks bennett gray james reyes cruz hughes price myers long foster sanders ross mueller muller schmidt
    schneider fischer weber meyer wagner becker schulz hoffmann schaefer schafer koch bauer richter klein wolf
    schroeder schroder neumann schwarz zimmermann braun krueger kruger hofmann hartmann lange gruber huber
    steiner moser pichler bernard dubois robert richard petit durand leroy moreau simon laurent lefebvre michel
    fernandez rossi russo ferrari esposito bianchi romano colombo ricci silva santos oliveira souza pereira
    ferreira costa jansen vries berg bakker visser nowak kowalski wisniewski novak ivanov petrov smirnov hansen
    johansen olsen larsen nielsen jensen andersen pedersen johansson andersson karlsson nilsson eriksson
    korhonen wang li zhang liu chen yang huang zhao wu zhou xu sun ma zhu hu kim park choi jung kang cho yoon
    tran le pham singh kumar sharma patel gupta khan ahmed ali hussain sato suzuki takahashi tanaka watanabe ito
    yamamoto nakamura kobayashi kato yilmaz kaya demir
    王 李 张 張 刘 劉 陈 陳 杨 楊 黄 黃 赵 趙 吴 吳 佐藤 鈴木 高橋 田中 伊藤 渡辺 山本 中村
    小林 加藤 김 이 박 최 정"""
)

#: Marks of generation, as they stand at the end of a name or in a local part -> one spelling each.
GENERATIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(("jr", "jun", "jnr", "junior", "fils", "filho", "figlio", "hijo", "ml"), "jr"),
        **dict.fromkeys(("sr", "sen", "snr", "senior", "pere", "padre", "st"), "sr"),
        **{
            "ii": "2",
            "2nd": "2",
            "iii": "3",
            "3rd": "3",
            "iv": "4",
            "4th": "4",
            "neto": "neto",
            "sobrinho": "sobrinho",
        },
    }
)

#: Titles and degrees that are no part of a name.
HONORIFICS: Final = _words(
    """mr mrs ms miss mx dr dres prof professor sir madam lady lord rev reverend fr hon capt captain col colonel maj lt
    sgt gen herr frau hr fr dipl ing mag doz pd habil med phil rer nat jur pol oec h c hc mgr bc judr mudr phdr
    monsieur madame mademoiselle mme mlle m sr sra srta don dona senor senora sig signor signora sigra dott
    dottssa avv arch geom rag dhr mevr mw drs ir heer hrn pan pani shri smt phd mba msc bsc ba ma llm md dds cpa
    esq cfa pe rn jd edd dphil meng beng fca aca acca pmp mag ddr dkfm"""
) - {"m", "h", "c", "ma", "don", "mag", "ba", "pe", "sr", "ir"}

#: Degrees that stand after a name and would else look like a surname.
DEGREES: Final = _words("ma ba mag pe msc bsc mba phd md esq cpa cfa jd llm ma bed")

#: Words in front of a surname that go with it and are often left out, joined or written otherwise.
PARTICLES: Final = _words(
    """van von vom zu zum zur der den dem de del della dello degli di da do dos das du des la le les lo el al bin ibn
    bint ben abu af av ter ten te op t s y e zum und"""
)

#: What people type into a name field that has to be filled.
NO_NAMES: Final = _words(
    """unknown unbekannt inconnu desconocido sconosciuto none null na nn xx xxx tbd tba test notprovided noname
    nolastname nofirstname lastname firstname name vorname nachname nombre apellido undefined blank empty
    contact kontakt lead unnamed anonymous anonym dummy"""
)

#: Hosts where anyone can have an address: never a company's domain (SPEC 4.3).
FREE_MAIL: Final = _words(
    """gmail.com googlemail.com yahoo.com ymail.com rocketmail.com yahoo.co.uk yahoo.de yahoo.fr yahoo.it yahoo.es
    yahoo.co.jp yahoo.ca yahoo.com.br yahoo.com.au yahoo.co.in yahoo.in yahoo.com.mx yahoo.com.ar hotmail.com
    hotmail.co.uk hotmail.de hotmail.fr hotmail.it hotmail.es hotmail.be hotmail.nl hotmail.se hotmail.ch
    outlook.com outlook.de outlook.fr outlook.es outlook.it outlook.at outlook.com.br live.com live.de
    live.co.uk live.fr live.nl live.it live.se live.dk live.no live.at live.be msn.com passport.com
    windowslive.com aol.com aol.de aol.co.uk aim.com icloud.com me.com mac.com gmx.de gmx.net gmx.at gmx.ch
    gmx.com gmx.org gmx.info gmx.eu web.de t-online.de freenet.de arcor.de 1und1.de online.de email.de mail.de
    posteo.de posteo.net mailbox.org vodafone.de kabelmail.de alice.de o2online.de bluewin.ch hispeed.ch
    sunrise.ch aon.at chello.at a1.net utanet.at inode.at orange.fr wanadoo.fr free.fr laposte.net sfr.fr
    neuf.fr bbox.fr numericable.fr libero.it virgilio.it tiscali.it alice.it tin.it tim.it fastwebnet.it
    inwind.it poste.it telefonica.net terra.es ono.com sapo.pt terra.com.br uol.com.br bol.com.br ig.com.br
    globo.com globomail.com mail.ru inbox.ru list.ru bk.ru yandex.ru yandex.com ya.ru rambler.ru ukr.net i.ua
    meta.ua wp.pl onet.pl o2.pl interia.pl gazeta.pl op.pl poczta.onet.pl vp.pl seznam.cz email.cz centrum.cz
    atlas.cz azet.sk centrum.sk zoznam.sk freemail.hu citromail.hu abv.bg mail.bg walla.co.il walla.com qq.com
    163.com 126.com yeah.net sina.com sina.cn sohu.com foxmail.com aliyun.com 139.com naver.com daum.net
    hanmail.net nate.com docomo.ne.jp ezweb.ne.jp softbank.ne.jp nifty.com rediffmail.com comcast.net
    verizon.net att.net sbcglobal.net bellsouth.net cox.net charter.net earthlink.net optonline.net juno.com
    netzero.net roadrunner.com rr.com frontier.com windstream.net mindspring.com btinternet.com btopenworld.com
    ntlworld.com virginmedia.com sky.com talktalk.net tiscali.co.uk blueyonder.co.uk bigpond.com bigpond.net.au
    optusnet.com.au iinet.net.au xtra.co.nz shaw.ca rogers.com sympatico.ca telus.net videotron.ca telenet.be
    skynet.be scarlet.be proximus.be ziggo.nl kpnmail.nl kpnplanet.nl planet.nl hetnet.nl xs4all.nl home.nl
    upcmail.nl casema.nl quicknet.nl telia.com spray.se bredband.net comhem.se online.no broadpark.no mail.dk
    jubii.dk ofir.dk stofanet.dk luukku.com suomi24.fi kolumbus.fi protonmail.com protonmail.ch proton.me pm.me
    tutanota.com tutanota.de tuta.io tuta.com fastmail.com fastmail.fm hushmail.com zoho.com zohomail.com
    zohomail.eu mail.com email.com usa.com post.com europe.com consultant.com engineer.com myself.com inbox.com
    hey.com duck.com lycos.com excite.com mailfence.com runbox.com eircom.net"""
)
#: Hosts that hand out addresses for an hour.
DISPOSABLE: Final = _words(
    """mailinator.com guerrillamail.com guerrillamail.info sharklasers.com 10minutemail.com tempmail.com temp-mail.org
    throwawaymail.com trashmail.com trash-mail.com wegwerfmail.de yopmail.com yopmail.fr maildrop.cc getnada.com
    dispostable.com fakeinbox.com mintemail.com spamgourmet.com mailnesia.com mohmal.com emailondeck.com
    moakt.com discard.email byom.de spambog.com einrot.com cuvox.de tempr.email mytemp.email"""
)
#: Sites that belong to whoever has a page there, and builders and shops under whose name others live.
HOSTING: Final = _words(
    """facebook.com linkedin.com xing.com twitter.com x.com instagram.com youtube.com tiktok.com pinterest.com
    github.com github.io gitlab.io google.com sites.google.com business.site wixsite.com wix.com weebly.com
    jimdo.com jimdosite.com jimdofree.com wordpress.com blogspot.com tumblr.com medium.com squarespace.com
    webflow.io myshopify.com shopify.com etsy.com ebay.com amazon.com godaddysites.com strato.de ionos.de
    ionos.space one.com webnode.com site123.me carrd.co linktr.ee notion.site notion.so herokuapp.com
    netlify.app vercel.app azurewebsites.net cloudfront.net yelp.com tripadvisor.com g.page goo.gl bit.ly
    hubspotpagebuilder.com hs-sites.com force.com salesforce.com crunchbase.com wikipedia.org vk.com weibo.com
    line.me t.me wa.me example.com example.org example.net localhost"""
) - {"google.com", "amazon.com", "ebay.com", "salesforce.com", "shopify.com", "wix.com", "one.com", "ionos.de"}

#: Local parts that are read by several people, or by whoever has the duty (SPEC 4.3: never linked automatically).
ROLES: Final = _words(
    """info infos information office buero sekretariat secretariat secretary reception empfang rezeption front
    frontdesk kontakt contact contacts contactus contacto contatti contato contactez mail email post postmaster
    webmaster hostmaster admin administrator administration administracion verwaltung it edv itsupport helpdesk
    support servicedesk service services kundenservice kundendienst customerservice customercare care help hilfe
    hello hallo hi hola bonjour ciao sales verkauf vertrieb vente ventes ventas vendite commercial comercial
    commerciale marketing werbung press presse prensa stampa media pr news newsletter team staff all everyone
    office1 zentrale central hq jobs job career careers karriere bewerbung recruiting recruitment hr personal
    rrhh personnel human.resources people accounting accounts accountspayable accountsreceivable ap ar billing
    invoice invoices rechnung rechnungen buchhaltung rechnungswesen finance finanzen finanzas compta
    comptabilite facturation facturacion amministrazione administratie order orders bestellung bestellungen
    commande commandes pedidos ordini purchasing einkauf procurement compras achats logistics logistik versand
    shipping warehouse lager export import legal recht compliance datenschutz privacy dpo gdpr security abuse
    board management geschaeftsleitung geschaeftsfuehrung gf direction direccion direzione directie ceo cfo
    enquiries enquiry inquiries inquiry anfrage anfragen request requests feedback booking bookings buchung
    reservation reservations reservierung events event partner partners shop store online web website general
    company firma praxis kanzlei studio agentur hotel restaurant school schule club verein gemeinde rathaus
    bestuur redaktion editor subscribe unsubscribe user users main customer customers client clients crm hubspot
    salesforce tech technik technical engineering dev developers developer operations ops production produktion
    quality qs training academy"""
)
#: Local parts that are nobody's: what is typed to fill a field, and senders that cannot be answered.
NOBODY: Final = _words(
    """noreply donotreply nomail noemail none na null unknown test tester asdf xxx keine keinemail nospam notprovided
    no.email no.mail no unbekannt fake dummy mailerdaemon bounce bounces"""
)
#: Hosts that are typed to fill a field (RFC 2606 and the like).
NOWHERE: Final = _words(
    "example.com example.org example.net test.com none.com na.com noemail.com nomail.com email.invalid"
)

#: Legal forms of companies, as the last (or first) words of a name.
LEGAL_FORMS: Final = _words(
    """gmbh mbh gesellschaft ag kg kgaa ohg gbr ug ev eg ek ekfm se co cokg gcv stiftung gemeinnuetzige
    haftungsbeschraenkt inc incorporated corp corporation company llc llp lp plc ltd limited pllc pc pty pte
    pvt private sa sas sasu sarl eurl sci snc scs scp spa srl srls sapa scarl sl slu sau sll sc scl cv bv nv
    vof bvba sprl scrl cvba asbl vzw ab hb kb as asa aps ans da ks is oy oyj ky ry tmi sp zoo spzoo spolka z o
    ooo oao zao pao ao ip too kft rt zrt bt nyrt sro vos spol doo dd jdoo ood eood ead ad srlcv saa sac eirl
    ltda eireli mei sapi de rl kk yk gk kabushiki kaisha yugen godo sdn bhd jsc pjsc tbk pt cia lda unipessoal
    sgps hf ehf ou uab sia pbc lllp et al og keg gesmbh ges mbb partg partgmbb partnerschaft
    株式会社 有限会社 合同会社 有限公司 股份有限公司 株 주식회사"""
)
#: Two-word and dotted legal forms are folded to these letters before the words above are looked for.
CONNECTIVES: Final = _words("und and et e y & the der die das le la les i og och en")
#: Words that a company's name may carry or not without being another company.
WEAK_COMPANY_WORDS: Final = _words("group gruppe groupe grupo holding holdings international intl global worldwide")
