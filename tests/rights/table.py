"""Who may do what: one line for every address, API operation, endpoint, socket and topic of the hub.

open       everybody, without a login
proof      a device's, a broker's or a link's own proof: a person's login counts for nothing
login      whoever is logged in
own        whoever it belongs to; 404 for everybody else
login-manage  whoever is logged in; a token needs the scope `manage`
look       whoever may look at the device that it is about    }  others: 404 outside the group,
command    whoever may command that device                    }  403 inside it
manage     whoever may manage that device: owners             }
anywhere   whoever may look at (`look`) or command (`command`) any device at all, else 403
owner      owners, else 403
"""

PAGES = """
GET       healthz                                       open
GET       manifest.webmanifest                          open
GET       icon-<int:side>.png                           open
GET       worker.js                                     open
GET       offline                                       open
GET       readyz                                        open
GET       favicon.ico                                   open
POST      language                                      open
GET,POST  login                                         open
GET,POST  login/second                                  leave
GET,POST  login/set-up                                  leave
GET       login/passkey                                 open
POST      login/passkey                                 leave
POST      logout                                        leave
GET,POST  setup/<str:token>                             proof
GET,POST  invitation/<str:uid>/<str:token>              proof
GET       account                                       login
POST      account/password                              login
GET       account/second-factor                         login
GET,POST  account/second-factor/app                     login
POST      account/second-factor/app/remove              login
GET,POST  account/second-factor/keys/add                login
POST      account/second-factor/keys/<int:pk>/remove    own
POST      account/second-factor/codes                   login
POST      account/sessions/end                          leave
POST      account/sessions/<int:pk>/end                 own
POST      account/tokens                                login
POST      account/time-zone                             owner
POST      account/tokens/<int:pk>/revoke                own
GET       people                                        owner
POST      people/invite                                 owner
POST      people/<int:pk>/link                          owner
POST      people/<int:pk>/role                          owner
POST      people/<int:pk>/second-factor                 owner
POST      people/<int:pk>/enabled                       owner
GET       groups                                        owner
POST      groups/add                                    owner
POST      groups/<int:pk>/rename                        owner
POST      groups/<int:pk>/move                          owner
POST      groups/<int:pk>/delete                        owner
GET,POST  groups/<int:pk>/devices                       owner
POST      groups/<int:pk>/people                        owner
POST      groups/<int:pk>/people/<int:person>/remove    owner
GET       audit                                         owner
GET       audit.csv                                     owner
GET       home-assistant                                owner
POST      home-assistant/let-in                         owner
POST      home-assistant/shut-out                       owner
POST      home-assistant/groups                         owner
GET       search                                        login
GET       status                                        login
GET       status/like-pictures                          owner
POST      status/storage                                owner
POST      status/retry                                  owner
POST      status/adopt                                  owner
POST      status/go-on                                  owner
GET       settings                                      owner
POST      settings/language                             owner
POST      settings/links                                owner
POST      settings/retention                            owner
POST      settings/retention/take-back                  owner
POST      settings/retention/of                         owner
POST      settings/retention/of/<int:pk>/end            owner
GET       devices/                                      login
GET,POST  devices/add/                                  owner
GET       devices/add/code                              owner
POST      devices/simulate                              owner
POST      devices/simulate/remove                       owner
GET,POST  devices/camera-settings/                      owner
GET       devices/deliveries/                           anywhere-command
GET       devices/deliveries/<uuid:id>/picture          look
POST      devices/deliveries/<uuid:id>/cancel           command
POST      devices/deliveries/<uuid:id>/again            command
GET       schedules/                                    anywhere-command
GET,POST  schedules/new                                 owner
POST      schedules/place                               owner
GET       schedules/<uuid:id>                           command
GET,POST  schedules/<uuid:id>/edit                      manage
POST      schedules/<uuid:id>/switch                    manage
POST      schedules/<uuid:id>/run                       command
POST      schedules/<uuid:id>/delete                    manage
POST      schedules/<uuid:id>/restore                   manage
GET       panels/                                       login
GET       panels/playlists/                             login
GET       devices/render-profiles/                      owner
GET,POST  devices/render-profiles/new                   owner
GET,POST  devices/render-profiles/<slug:name>/          owner
POST      devices/render-profiles/<slug:name>/delete    owner
GET,POST  devices/show/                                 login
GET       devices/show/drawn                            proof
GET       devices/<slug:code>/                          look
GET       devices/<slug:code>/now                       look
GET       devices/<slug:code>/pictures/                 look
GET       devices/<slug:code>/show/                     look
POST      devices/<slug:code>/show/                     command
GET       devices/<slug:code>/show/now                  look
GET       devices/<slug:code>/show/shown                look
GET       devices/<slug:code>/show/preview              command
POST      devices/<slug:code>/show/topics               manage
GET       devices/<slug:code>/firmware/                 look
POST      devices/<slug:code>/firmware/ask              manage
POST      devices/<slug:code>/certificate               manage
GET       devices/<slug:code>/playlist/                 look
POST      devices/<slug:code>/playlist/                 command
POST      devices/<slug:code>/playlist/<uuid:id>/move   command
POST      devices/<slug:code>/playlist/<uuid:id>/remove command
GET       devices/<slug:code>/playlist/<uuid:id>/picture look
GET       devices/<slug:code>/connect/                  look
GET       devices/<slug:code>/events/                   look
GET       devices/<slug:code>/camera/                   look
POST      devices/<slug:code>/camera/                   manage
POST      devices/<slug:code>/camera/understood         manage
POST      devices/<slug:code>/camera/restart            command
GET       devices/<slug:code>/added/                    manage
GET       devices/<slug:code>/firstlight                manage
GET,POST  devices/<slug:code>/settings/                 manage
POST      devices/<slug:code>/panel/again               manage
POST      devices/<slug:code>/delete                    manage
GET       devices/<slug:code>/keys/                     manage
POST      devices/<slug:code>/keys/new                  manage
POST      devices/<slug:code>/keys/secret               manage
POST      devices/<slug:code>/keys/<str:prefix>/revoke  manage
POST      devices/<slug:code>/capture                   command
GET       devices/<slug:code>/commands/<uuid:id>        look
POST      devices/<slug:code>/commands/<uuid:id>/cancel command
POST      devices/<slug:code>/commands/<uuid:id>/dismiss command
GET       firmware/                                     anywhere-look
GET,POST  firmware/upload                               owner
GET,POST  firmware/keys                                 owner
POST      firmware/keys/<int:pk>/revoke                 owner
GET       firmware/<uuid:id>/                           anywhere-look
POST      firmware/<uuid:id>/publish                    owner
POST      firmware/<uuid:id>/delete                     owner
GET,POST  firmware/<uuid:id>/rollout                    owner
GET       firmware/rollouts/<uuid:id>/                  look
POST      firmware/rollouts/<uuid:id>/<str:order>       manage
GET       image                                         proof
GET       panel/next                                    proof
GET       panel/<str:key>/next                          proof
GET       panel/i/<str:token>                           proof
GET       api/setup                                     endpoint
GET       api/setup/                                    endpoint
GET       api/display                                   endpoint
GET       api/display/                                  endpoint
POST      api/log                                       proof
POST      api/log/                                      proof
GET                                                     login
GET       cards/<slug:code>                             look
GET       feed                                          login
POST      capture-all                                   login
GET       wall                                          login
GET       wall/<slug:code>                              look
GET       history                                       login
GET       history/calendar                              login
GET       history/run                                   login
POST      history/filters                               login
POST      history/filters/<int:pk>/rename               own
POST      history/filters/<int:pk>/delete               own
POST      history/change                                login
GET       gaps                                          login
GET       gaps.csv                                      login
GET       trash                                         anywhere-command
POST      trash/add                                     login
POST      trash/undo                                    login
POST      trash/restore                                 login
POST      trash/delete                                  owner
POST      trash/empty                                   owner
GET       trash/<uuid:id>/thumb                         command
GET       trash/<uuid:id>/original                      command
GET       captures/picker                               login
GET       captures/around                               login
GET       captures/<uuid:id>                            look
GET       captures/<uuid:id>/panel                      look
GET       captures/<uuid:id>/compare                    look
POST      captures/<uuid:id>/mirror                     command
POST      captures/<uuid:id>/labels                     command
POST      captures/<uuid:id>/keep                       command
POST      captures/<uuid:id>/link                       command
GET       captures/<uuid:id>/original                   look
GET       captures/<uuid:id>/thumb                      look
GET       devices/<slug:code>/live/                     look
GET       devices/<slug:code>/live/going                look
GET       devices/<slug:code>/still.jpg                 look
POST      devices/<slug:code>/keep                      command
GET       devices/<slug:code>/latest.jpg                look
GET       devices/<slug:code>/plots/                    look
GET       devices/<slug:code>/plots/<slug:of>.csv       look
GET       timelapses                                    login
GET,POST  timelapses/new                                anywhere-command
GET       timelapses/<uuid:id>                          look
GET       timelapses/<uuid:id>/now                      login
GET       timelapses/<uuid:id>/film.mp4                 look
POST      timelapses/<uuid:id>/cancel                   command
POST      timelapses/<uuid:id>/delete                   command
GET       rules/                                        login
GET,POST  rules/new                                     owner
GET       rules/<uuid:id>                               look
GET,POST  rules/<uuid:id>/edit                          owner
POST      rules/<uuid:id>/delete                        owner
GET       alerts/                                       login
GET,POST  alerts/rules/new                              login
GET,POST  alerts/rules/<uuid:id>                        own
POST      alerts/rules/<uuid:id>/delete                 own
GET,POST  alerts/channels/new                           login
GET,POST  alerts/channels/<uuid:id>                     own
POST      alerts/channels/<uuid:id>/test                own
POST      alerts/channels/<uuid:id>/delete              own
GET       p/<slug:code>                                 open
GET       shared-links                                  login
GET,POST  shared-links/new                              anywhere-command
GET       shared-links/<slug:code>                      command
POST      shared-links/<slug:code>/revoke               command
GET,POST  s/<slug:code>                                 open
GET       s/<slug:code>/all.zip                         open
GET       s/<slug:code>/latest.jpg                      open
GET       s/<slug:code>/<uuid:id>                       open
GET       s/<slug:code>/<uuid:id>/thumb                 open
POST      broker/<str:secret>/emqx/authn                proof
POST      broker/<str:secret>/emqx/authz                proof
POST      broker/<str:secret>/goauth/user               proof
POST      broker/<str:secret>/goauth/superuser          proof
POST      broker/<str:secret>/goauth/acl                proof
"""

# The back office, whose addresses Django makes of the tables: for owners, but for its own login.
BACK_OFFICE = "admin/"
BACK_OFFICE_OPEN = ("admin/login/", "admin/logout/", "admin/jsi18n/")

ENDPOINTS = """
POST /api/upload                      key
POST /api/upload/                     key
POST /api/upload/<key>                key
POST /index.php                       key
GET  /ota/esp/<key>                   key
GET  /ota/f/<token>                   token
GET  /default/controller/v1/<code>    own key
GET  /nodes/1/original/<uuid>         node
GET  /nodes/1/firmware/0000000000000000000000000000000000000000000000000000000000000000   node
GET  /nodes/1/panel/0000000000000000000000000000000000000000000000000000000000000000      node
GET  /metrics                         token
GET  /ota/image/0000000000000000000000000000000000000000000000000000000000000000    ticket
POST /ota/sent                        ticket
"""

SOCKETS = """
GET /ws/live/   login
GET /ws/wall/   login
GET /mqtt       proof
"""

# What a topic's own device may do, and what a person may who may look at it; anybody else may do nothing.
TOPICS = """
photohub/<code>/command               subscribe  -
photohub/<code>/result                publish    subscribe
photohub/<code>/frame                 publish    -
photohub/<code>/frame/part1           publish    -
photohub/<code>/status                publish    -
photohub/<code>/telemetry             publish    -
photohub/<code>/picture               subscribe  -
photohub/<code>/picture/ack           publish    -
photohub/<code>/settings              subscribe  -
photohub/<code>/settings/reported     publish    -
photohub/<code>/file/7/init           publish    -
photohub/<code>/file/7/0              publish    -
photohub/<code>/file/7/fin/9          publish    -
photohub/<code>/file/7/response       both       -
/ota/device/inform/<pk>/<dn>          both       -
/ota/device/progress/<pk>/<dn>        publish    -
/ota/device/upgrade/<pk>/<dn>         both       -
/sys/<pk>/<dn>/thing/ota/firmware/get        publish    -
/sys/<pk>/<dn>/thing/ota/firmware/get_reply  subscribe  -
/sys/<pk>/<dn>/thing/file/download           publish    -
/sys/<pk>/<dn>/thing/file/download_reply     subscribe  -
"""
# The first ones are Home Assistant's alone, by its own account (`devices.mqtt.home_assistant`).
NOBODYS_TOPICS = (
    "homeassistant/status",
    "homeassistant/device/photohub-board/config",
    "photohub-home/#",
    "photohub-home/board/state",
    "photohub-home/board/press",
    "#",
    "+/+/+",
    "photohub/#",
    "photohub/+/result",
    "$SYS/#",
    "$CONTROL/dynamic-security/v1",
    "/light/deviceIn",
)


def rows(table: str) -> dict[tuple[str, str], str]:
    """Return a table as (method, route) → right."""
    found = {}
    for line in table.strip("\n").splitlines():
        methods, *route, right = line.split()
        for method in methods.split(","):
            assert (method, "".join(route)) not in found, line
            found[method, "".join(route)] = right
    return found
