"""German, which addresses a shopper as "Sie"."""

from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.rules.clauses import Clause
from saving_alerts.domain.sentences.language import Words

WORDS = Words(
    locale="de",
    capital_after_colon=True,
    leads={
        "with_place": "{when}, {place}: {told}",
        "without_place": "{when}: {told}",
        "nothing": "{told}",
        "local": "{day} um {time} Uhr Ihrer Zeit",
        "utc": "{day} um {time} Uhr UTC",
        "unknown_time": "Zu unbekannter Zeit",
    },
    days={
        "lead_today": "Heute",
        "lead_yesterday": "Gestern",
        "lead_tomorrow": "Morgen",
        "lead_weekday": "Am {weekday}",
        "lead_date": "Am {date}",
        "at_today": "um {time} Uhr",
        "at_yesterday": "gestern um {time} Uhr",
        "at_tomorrow": "morgen um {time} Uhr",
        "at_weekday": "am {weekday} um {time} Uhr",
        "at_date": "am {date} um {time} Uhr",
        "from_today": "ab {time} Uhr",
        "from_yesterday": "ab gestern {time} Uhr",
        "from_tomorrow": "ab morgen {time} Uhr",
        "from_weekday": "ab {weekday} {time} Uhr",
        "from_date": "ab {date}, {time} Uhr",
    },
    places={
        "geofence_entered": "in der Nähe von {merchant}",
        "geofence_dwelled": "in der Nähe von {merchant}",
        "geofence_exited": "als Sie {merchant} verließen",
        "brochure_viewed": "als Sie einen Prospekt von {merchant} ansahen",
        "offer_viewed": "als Sie ein Angebot von {merchant} ansahen",
        "merchant_favourited": "als Sie {merchant} zu Ihren Favoriten nahmen",
        "coupon_saved": "als Sie einen Gutschein von {merchant} speicherten",
        "coupon_redeemed": "als Sie einen Gutschein von {merchant} einlösten",
        "app_opened": "als Sie die App öffneten",
        "app_backgrounded": "als Sie die App verließen",
        "push_opened": "als Sie eine Push-Nachricht öffneten",
        "other": "bei {merchant}",
    },
    reasons={
        Reason.INVALID: (
            "was Ihre App uns meldete, war nicht zu gebrauchen, deshalb haben wir Ihnen keine Push-Nachricht geschickt."
        ),
        Reason.NOT_A_TRIGGER: "dafür verschicken wir zur Zeit keine Push-Nachrichten.",
        Reason.EXPIRED: (
            "als wir Ihnen eine Push-Nachricht schicken konnten, war es dafür zu spät, deshalb haben wir keine "
            "geschickt."
        ),
        Reason.NO_CONSENT: "für Ihr Konto waren Push-Nachrichten nicht erlaubt, deshalb haben wir keine geschickt.",
        Reason.CAPPED: "Sie hatten schon alle Push-Nachrichten bekommen, die wir vorerst verschicken.",
        Reason.BUDGET_SPENT: "wir verschicken davon am Tag nur eine bestimmte Zahl, und die war bis dahin vergeben.",
        Reason.NO_COUPON: (
            "es gab keinen Gutschein, den Sie dort in dem Moment hätten einlösen können, deshalb haben wir Ihnen keine "
            "Push-Nachricht geschickt."
        ),
        Reason.COUPON_API_REFUSED: (
            "durch einen Fehler bei uns konnten wir Ihre Gutscheine nicht sehen, deshalb haben wir Ihnen keine "
            "Push-Nachricht geschickt."
        ),
        Reason.COUPON_API_FAILED: (
            "durch einen Fehler bei uns konnten wir Ihre Gutscheine nicht sehen, deshalb haben wir Ihnen keine "
            "Push-Nachricht geschickt."
        ),
        Reason.RULE_REFUSED: "keines unserer Angebote passte, deshalb haben wir Ihnen keine Push-Nachricht geschickt.",
        Reason.QUIET_HOURS: (
            "zu dieser Zeit stören wir niemanden, deshalb haben wir Ihnen keine Push-Nachricht geschickt."
        ),
        Reason.HELD_OUT: (
            "diese Art von Push-Nachricht bekommt bisher nur ein Teil unserer Nutzer, und Sie gehören noch nicht dazu."
        ),
        Reason.DUPLICATE: (
            "das wurde uns zweimal gemeldet, und die Push-Nachricht dazu haben wir Ihnen nur einmal geschickt."
        ),
        Reason.OUTBID: "wir hatten ein besseres Angebot für Sie und haben Ihnen die Push-Nachricht dazu geschickt.",
        Reason.LEFT: "Sie waren schon gegangen, deshalb haben wir keine Push-Nachricht geschickt.",
        Reason.KILLED: (
            "wir hatten diese Push-Nachrichten vorübergehend angehalten, deshalb haben wir Ihnen keine geschickt."
        ),
        Reason.PUSH_REFUSED: ("der Dienst, der unsere Push-Nachrichten auf Ihr Telefon bringt, hat diese abgelehnt."),
        Reason.PUSH_UNCERTAIN: (
            "wir haben versucht, Ihnen eine Push-Nachricht zu schicken, und wissen nicht, ob sie angekommen ist; damit "
            "Sie sie nicht zweimal bekommen, haben wir es nicht noch einmal versucht."
        ),
        Reason.CONTROL: "um zu sehen, ob diese Push-Nachrichten helfen, lassen wir einige zufällig aus, auch Sie.",
        Reason.PUSHED: "wir haben Ihnen eine Push-Nachricht geschickt.",
        Reason.WOULD_PUSH: "wir hätten Ihnen eine Push-Nachricht geschickt, aber das war ein Probelauf ohne Versand.",
        Reason.DEAD_LETTER: (
            "durch einen Fehler bei uns konnten wir das nicht bearbeiten, deshalb haben wir Ihnen keine Push-Nachricht "
            "geschickt."
        ),
    },
    told={
        "pushed": "wir haben Ihnen diese Push-Nachricht geschickt: „{text}“",
        "would_push": (
            "wir hätten Ihnen diese Push-Nachricht geschickt, aber das war ein Probelauf, in dem nichts verschickt "
            "wurde: „{text}“"
        ),
        "push_uncertain": (
            "wir haben versucht, Ihnen diese Push-Nachricht zu schicken, und wissen nicht, ob sie angekommen ist; "
            "damit Sie sie nicht zweimal bekommen, haben wir es nicht noch einmal versucht: „{text}“"
        ),
        "quiet_hours": (
            "von {from} bis {until} Uhr stören wir niemanden, deshalb haben wir Ihnen keine Push-Nachricht geschickt."
        ),
        "quiet_hours_by_then": (
            "als wir so weit waren, war es {then} Uhr, und von {from} bis {until} Uhr stören wir niemanden, deshalb "
            "haben wir Ihnen keine Push-Nachricht geschickt."
        ),
        "capped_once": "Sie haben {at} eine Push-Nachricht bekommen; die nächste ist {until} möglich.",
        "capped_once_before": "Sie haben {at} eine Push-Nachricht bekommen; die nächste war {until} möglich.",
        "capped_often": (
            "Sie haben {pushes} Push-Nachrichten bekommen, mehr sind es nie (Zeitraum: {span}); die "
            "nächste ist {until} möglich."
        ),
        "capped_often_before": (
            "Sie haben {pushes} Push-Nachrichten bekommen, mehr sind es nie (Zeitraum: {span}); die "
            "nächste war {until} möglich."
        ),
        "capped_once_merchant": (
            "Sie haben {at} eine Push-Nachricht zu {merchant} bekommen; die nächste dazu ist {until} möglich."
        ),
        "capped_once_merchant_before": (
            "Sie haben {at} eine Push-Nachricht zu {merchant} bekommen; die nächste dazu war {until} möglich."
        ),
        "capped_often_merchant": (
            "Sie haben {pushes} Push-Nachrichten zu {merchant} bekommen, mehr sind es nie (Zeitraum: {span}); "
            "die nächste dazu ist {until} möglich."
        ),
        "capped_often_merchant_before": (
            "Sie haben {pushes} Push-Nachrichten zu {merchant} bekommen, mehr sind es nie (Zeitraum: {span}); "
            "die nächste dazu war {until} möglich."
        ),
        "capped_control": "auch was wir zum Vergleich nicht schicken, zählt; die nächste ist {until} möglich.",
        "capped_control_before": ("auch was wir zum Vergleich nicht schicken, zählt; die nächste war {until} möglich."),
        "duplicate_control": "das wurde uns zweimal gemeldet, und wir bearbeiten es nur einmal.",
        "outbid_control": "wir hatten ein besseres Angebot für Sie und haben auch das zum Vergleich nicht geschickt.",
        "expired_on_the_way": (
            "was Ihre App uns meldete, erreichte uns erst nach {span}, zu spät für eine Push-Nachricht, deshalb haben "
            "wir keine geschickt."
        ),
        "expired_consent": (
            "wir konnten nicht rechtzeitig sicher sein, dass Sie noch Push-Nachrichten möchten, deshalb haben wir "
            "keine geschickt."
        ),
        "expired_held": (
            "etwas, das wir brauchen, war bei uns gestört, und als es wieder ging, war es zu spät für eine "
            "Push-Nachricht."
        ),
        "expired_held_for": (
            "etwas, das wir brauchen, war bei uns gestört (Dauer: {span}), und dann war es zu spät für eine "
            "Push-Nachricht."
        ),
        "expired_open_for_minutes": (
            "als wir Ihnen eine Push-Nachricht schicken konnten, war das Geschäft geschlossen oder kurz davor, deshalb "
            "haben wir keine geschickt."
        ),
        "expired_active_until": "als wir so weit waren, war das Angebot vorbei, deshalb kam keine Push-Nachricht.",
        "store_closed": "das Geschäft war gerade geschlossen, deshalb haben wir keine Push-Nachricht geschickt.",
        "store_closes": (
            "das Geschäft sollte schon um {closes} Uhr schließen, zu bald für eine Push-Nachricht, deshalb haben wir "
            "keine geschickt."
        ),
        "store_unknown": "wir wissen nicht, wann dieses Geschäft geöffnet ist, deshalb kam keine Push-Nachricht.",
        "opted_out": "Sie hatten Push-Nachrichten ausgeschaltet, deshalb haben wir Ihnen keine geschickt.",
        "device_gone": (
            "Ihr Telefon war nicht zu erreichen: Die App ist dort nicht mehr für Push-Nachrichten angemeldet. Wenn Sie "
            "die App öffnen, meldet sie sich wieder an."
        ),
        "again": "wir würden Ihnen diese Push-Nachricht schicken: „{text}“",
        "not_decided": "wir arbeiten noch daran.",
    },
    clauses={
        Clause.EVENT_TYPES: "keines unserer Angebote ist dafür, deshalb haben wir keine Push-Nachricht geschickt.",
        Clause.MERCHANTS: (
            "keines unserer Angebote gilt für dieses Geschäft, deshalb haben wir keine Push-Nachricht geschickt."
        ),
        Clause.MERCHANT_KNOWN: (
            "wir kennen dieses Geschäft noch nicht, deshalb haben wir keine Push-Nachricht geschickt."
        ),
        Clause.MAX_DISTANCE_M: (
            "Sie waren zu weit vom Geschäft entfernt, oder Ihr Telefon sagte uns nicht, wo es war, deshalb haben wir "
            "keine Push-Nachricht geschickt."
        ),
        Clause.TIME_ZONE: (
            "Ihr Telefon nannte eine Zeitzone, die wir nicht kennen; wir wussten also nicht, ob es Nacht war, und "
            "haben keine Push-Nachricht geschickt."
        ),
        Clause.ACTIVE_FROM: "unsere Angebote dort gelten erst später, deshalb kam keine Push-Nachricht.",
        Clause.ACTIVE_UNTIL: "unsere Angebote dort waren vorbei, deshalb kam keine Push-Nachricht.",
        Clause.WEEKDAYS: (
            "unsere Angebote dort gelten an anderen Wochentagen, deshalb haben wir keine Push-Nachricht geschickt."
        ),
        Clause.MIN_DWELL_SECONDS: (
            "Sie waren noch nicht lange genug dort, oder Ihr Telefon sagte uns nicht, wie lange, deshalb haben wir "
            "keine Push-Nachricht geschickt."
        ),
        Clause.OPEN_FOR_MINUTES: (
            "das Geschäft hatte nicht mehr lange genug geöffnet, oder wir wissen nicht, wann es geöffnet ist, deshalb "
            "haben wir keine Push-Nachricht geschickt."
        ),
        Clause.MIN_APP_VERSION: "Ihre App war zu alt für dieses Angebot; mit der neuesten geht es.",
        Clause.DISCOUNT: (
            "es gab einen Gutschein, aber sein Rabatt war fehlerhaft, deshalb haben wir keine Push-Nachricht geschickt."
        ),
        Clause.MIN_DISCOUNT_PERCENT: (
            "mit Ihren Gutscheinen dort hätten Sie zu wenig gespart, deshalb haben wir keine Push-Nachricht geschickt."
        ),
        Clause.DEEP_LINK_HOSTS: (
            "es gab einen Gutschein, aber sein Link war nicht sicher, deshalb haben wir keine Push-Nachricht geschickt."
        ),
        Clause.WHEN: (
            "die Bedingungen unserer Angebote waren nicht erfüllt, deshalb haben wir keine Push-Nachricht geschickt."
        ),
        Clause.ROLLOUT_PERCENT: (
            "diese Art von Push-Nachricht bekommt bisher nur ein Teil unserer Nutzer, und Sie gehören nicht dazu."
        ),
        Clause.QUIET_HOURS: (
            "zu dieser Zeit stören wir niemanden, deshalb haben wir Ihnen keine Push-Nachricht geschickt."
        ),
    },
    labels={
        "timeline": "Ablauf",
        "happened": "geschehen",
        "read": "gelesen",
        "decided": "entschieden",
        "waited": "gewartet {span}",
        "worked": "gearbeitet {span}",
        "attempts": "Versuche",
        "held": "aufgehalten durch",
        "rules": "Regeln",
        "versions": "Versionen",
        "details": "Einzelheiten",
        "echoes": "Echos",
    },
    stages={
        "validate": "Ereignis prüfen",
        "query_coupons": "nach Gutscheinen fragen",
        "evaluate_rules": "Regeln anwenden",
        "dispatch_push": "Push-Nachricht schicken",
    },
)
