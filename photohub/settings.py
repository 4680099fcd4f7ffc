"""All settings, in sections by feature. The environment is read only here (docs/settings.md lists every name).

PhotoHub runs with no environment at all: SQLite, an MQTT broker and a Celery worker inside the one process.
A wrong or contradictory value stops the start with a sentence that names the variable.
"""

import atexit
import shutil
import socket
import sys
import tempfile
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from photohub.env import (
    READ,
    SettingError,
    env_bool,
    env_choice,
    env_hostport,
    env_int,
    env_networks,
    env_parsed,
    env_proxies,
    env_rate,
    env_secret,
    env_size,
    env_str,
)
from photohub.lib.files import private
from photohub.lib.files.bucket_settings import (
    BucketSettingError,
    check_credential,
    check_oss,
    check_prefix,
    check_s3,
)
from photohub.lib.files.secret_file import fault_of_secret, read_or_make_secret
from photohub.lib.network.addresses import best_address, local_hosts
from photohub.lib.network.oidc_rules import Rule, read_rules
from photohub.lib.network.web_address import read_origin, read_web_address

BASE_DIR = Path(__file__).resolve().parent.parent

# --- where things lie -------------------------------------------------------------------------------------------

PHOTOHUB_ENV = env_choice(
    "PHOTOHUB_ENV", "embedded", ("embedded", "production", "test"), "Which form runs; set by the form itself"
)
PHOTOHUB_DATA = Path(
    env_str("PHOTOHUB_DATA", str(BASE_DIR / "data"), "Folder for pictures, the database and the secrets")
).resolve()
if PHOTOHUB_ENV == "test":
    PHOTOHUB_DATA = Path(tempfile.mkdtemp(prefix="photohub-test-"))
    atexit.register(shutil.rmtree, PHOTOHUB_DATA, ignore_errors=True)
if not PHOTOHUB_DATA.parent.is_dir():
    raise SettingError(
        "PHOTOHUB_DATA",
        f"the folder {PHOTOHUB_DATA.parent} does not exist. Create it, or mount the disk it should be on",
    )
private.begin()
PHOTOHUB_DATA.mkdir(exist_ok=True)
private.close(PHOTOHUB_DATA)
PICTURES_DIR = PHOTOHUB_DATA / "pictures"
INCOMING_DIR = PHOTOHUB_DATA / "incoming"
THUMBNAILS_DIR = PHOTOHUB_DATA / "thumbnails"
OUTBOX_DIR = PHOTOHUB_DATA / "outbox"
TIME_LAPSES_DIR = PHOTOHUB_DATA / "timelapses"
FIRMWARE_DIR = PHOTOHUB_DATA / "firmware"

DISK_FLOOR_BYTES = env_size("PHOTOHUB_DISK_FLOOR", "500MB", "Uploads are refused (507) when less is free")

SECRET_KEY = env_secret("PHOTOHUB_SECRET_KEY", "", "Signs sessions; made at the first start when empty")
if not SECRET_KEY:
    SECRET_KEY = read_or_make_secret(PHOTOHUB_DATA / "secret_key")
if _fault := fault_of_secret(SECRET_KEY):
    raise SettingError(
        "PHOTOHUB_SECRET_KEY",
        f"{_fault}. Leave it empty, and PhotoHub makes and keeps a good one in {PHOTOHUB_DATA / 'secret_key'}",
    )

DEBUG = env_bool("PHOTOHUB_DEBUG", False, "Shows error details in pages; only with PHOTOHUB_ENV=test")
if DEBUG and PHOTOHUB_ENV != "test":
    raise SettingError(
        "PHOTOHUB_DEBUG",
        "is on: error pages would show code, settings and secrets to everybody. Unset it; the log has the details",
    )

# --- addresses --------------------------------------------------------------------------------------------------

HTTP_HOST, HTTP_PORT = env_hostport("PHOTOHUB_HTTP", "0.0.0.0:8000", "Where the web pages and uploads listen")
MQTT_HOST, MQTT_PORT = env_hostport("PHOTOHUB_MQTT", "0.0.0.0:1883", "Where the embedded MQTT broker listens")
STREAM_HOST, STREAM_PORT = env_hostport(
    "PHOTOHUB_STREAM", "0.0.0.0:8100", "Where camera streams (TCP) listen"
)
PHOTOHUB_URL = env_parsed(
    "PHOTOHUB_URL", "", "The one outside address; hosts, cookies and device links follow from it", read_origin
)
MQTT_PUBLIC_HOST, MQTT_PUBLIC_PORT = (
    env_hostport(
        "PHOTOHUB_MQTT_PUBLIC",
        "",
        "The broker's address as devices see it, when it is not the host of PHOTOHUB_URL",
    )
    if env_str("PHOTOHUB_MQTT_PUBLIC", "")
    else ("", 0)
)
TRUSTED_PROXIES, TRUSTED_PROXY_NETWORKS = env_proxies(
    "PHOTOHUB_TRUSTED_PROXIES", "0", "How many reverse proxies stand in front (0: none), or their networks"
)

_outside = urlsplit(PHOTOHUB_URL)
ALLOWED_HOSTS = [_outside.netloc.removesuffix(f":{_outside.port}")] if PHOTOHUB_URL else []
ALLOWED_HOSTS += [host for host in local_hosts() if host not in ALLOWED_HOSTS]
CSRF_TRUSTED_ORIGINS = [PHOTOHUB_URL] if PHOTOHUB_URL else []
HTTPS = _outside.scheme == "https"
BEST_ADDRESS = best_address()

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_NAME = "__Host-photohub" if HTTPS else "photohub"
CSRF_COOKIE_NAME = "__Host-photohub_csrf" if HTTPS else "photohub_csrf"
SESSION_COOKIE_AGE = 14 * 24 * 3600
SESSION_COOKIE_HTTPONLY = True
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin" if HTTPS else None
X_FRAME_OPTIONS = "DENY"
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0

# --- Django -----------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    # The back office is there when somebody opens it.
    "unfold.apps.BasicAppConfig",
    "photohub.apps.BackOfficeConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "servestatic.runserver_nostatic",
    "django.contrib.staticfiles",
    "channels",
    "django_htmx",
    "lucide",
    "axes",
    "allauth.account",
    "allauth.mfa",
    "photohub.apps.PhotoHubConfig",
    "devices",
    "media_pipeline",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "photohub.lib.pages.middleware.serve_static_files",
    "photohub.lib.memory.asking.ask_once",
    "photohub.lib.pages.timezones.tell_times_in_visitors_timezone",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "devices.audit.asking.remember_request",
    "photohub.accounts.logins.sessions.note_sessions",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "photohub.lib.pages.middleware.relax_csp_for_back_office",
    "photohub.lib.pages.middleware.AnswerCrowds",
    "allauth.account.middleware.AccountMiddleware",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "photohub.urls"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": ["photohub.lib.pages.templating.tags", "photohub.lib.pages.times.tags"],
            "libraries": dict.fromkeys(("i18n", "lucide"), "photohub.lib.pages.templating.tags"),
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "photohub.pages.context.page",
            ],
        },
    },
]
# Django warns of names that two libraries have; ours are meant to stand for the others.
SILENCED_SYSTEM_CHECKS = ["templates.W003"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
FORM_RENDERER = "django.forms.renderers.DjangoTemplates"
# Django would make what it stores, the static files among it, readable by everybody on the machine.
FILE_UPLOAD_PERMISSIONS, FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o600, 0o700
APPEND_SLASH = (
    True  # For people who type a page address; the upload endpoint and the API take both forms by themselves.
)

# --- who may come in --------------------------------------------------------------------------------------------

AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
PASSWORD_HASHERS = [
    "photohub.accounts.logins.hashers.Argon2InTurn",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "live"
LOGOUT_REDIRECT_URL = "login"
AXES_HANDLER = "photohub.accounts.logins.lockouts.Handler"
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = 0.25
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_LOCKOUT_TEMPLATE = "photohub/accounts/locked.html"
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False

SECOND_FACTOR = env_choice(
    "PHOTOHUB_SECOND_FACTOR",
    "optional",
    ("optional", "owners", "everyone"),
    "Who must have a second factor, and sets one up at the next login",
)
# Of the library: second factors alone; nobody signs up by himself, and mail is never sent.
MFA_ADAPTER = "photohub.accounts.logins.adapter.Adapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_TOTP_TOLERANCE = 1
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]

OIDC_ISSUER = env_parsed(
    "PHOTOHUB_OIDC_ISSUER",
    "",
    "Address of an OpenID Connect provider; empty: people log in here",
    read_web_address,
)
OIDC_CLIENT_ID = env_str("PHOTOHUB_OIDC_CLIENT_ID", "", "What that provider calls this hub")
OIDC_CLIENT_SECRET = env_secret("PHOTOHUB_OIDC_CLIENT_SECRET", "", "The hub's secret at that provider")
OIDC_NAME = env_str("PHOTOHUB_OIDC_NAME", "Single sign-on", "What people call that provider")
OIDC_SCOPES = env_str("PHOTOHUB_OIDC_SCOPES", "openid profile email", "What the hub asks that provider for")
OIDC_ROLES: list[Rule] = (
    env_parsed(
        "PHOTOHUB_OIDC_ROLES",
        "",
        "Who comes in as what, e.g. groups=staff:operator,domain=example.org:viewer",
        read_rules,
    )
    or []
)
if OIDC_ISSUER:
    for _name, _value in (
        ("CLIENT_ID", OIDC_CLIENT_ID),
        ("CLIENT_SECRET", OIDC_CLIENT_SECRET),
        ("ROLES", OIDC_ROLES),
    ):
        if not _value:
            raise SettingError(
                f"PHOTOHUB_OIDC_{_name}", "is empty, but PHOTOHUB_OIDC_ISSUER is set, which needs it"
            )
    # Six megabytes, which a hub without a provider does without.
    INSTALLED_APPS += ["allauth.socialaccount", "allauth.socialaccount.providers.openid_connect"]
SOCIALACCOUNT_ADAPTER = "photohub.accounts.oidc.Adapter"
SOCIALACCOUNT_LOGIN_ON_GET = True
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_OPENID_CONNECT_URL_PREFIX = ""
SOCIALACCOUNT_PROVIDERS = {
    "openid_connect": {
        "OAUTH_PKCE_ENABLED": True,
        "APPS": [
            {
                "provider_id": "oidc",
                "name": OIDC_NAME,
                "client_id": OIDC_CLIENT_ID,
                "secret": OIDC_CLIENT_SECRET,
                "settings": {"server_url": str(OIDC_ISSUER).rstrip("/"), "scope": OIDC_SCOPES.split()},
            }
        ],
    }
}

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:", "blob:"],
        "media-src": ["'self'"],
        "connect-src": ["'self'"],
        "font-src": ["'self'"],
        "manifest-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
        "object-src": ["'none'"],
    },
}
# The back office's own library evaluates expressions and sets styles; only its pages get this.
BACK_OFFICE_CSP = {"script-src": ["'self'", "'unsafe-eval'"], "style-src": ["'self'", "'unsafe-inline'"]}

# --- database ---------------------------------------------------------------------------------------------------

DATABASE_URL = env_secret(
    "DATABASE_URL", "", "postgres://user:password@host:5432/name; empty: SQLite in PHOTOHUB_DATA"
)


def _sqlite() -> dict:
    # IMMEDIATE: a transaction that reads first and writes later fails at once otherwise, whatever the timeout.
    # wal_autocheckpoint: whoever commits writes the log back when it has so many pages (16 MB). With the default of 1000
    # that was every fortieth picture of a lone camera, which waited for it, and pages that change each time were written
    # back four times as often.
    # soft_heap_limit: so much all connections together keep of the file. Else each of twenty threads' would fill its 20 MB.
    # synchronous=FULL: a committed picture survives a power cut, which "code 0" promises to the camera.
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": PHOTOHUB_DATA / "photohub.sqlite3",
        # Opening the file anew for each piece of work costs as much as the work.
        "CONN_MAX_AGE": None,
        "TEST": {"NAME": PHOTOHUB_DATA / "test.sqlite3"},
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-20000;"
            f" PRAGMA wal_autocheckpoint=4000; PRAGMA soft_heap_limit={32 * 2**20};",
        },
    }


# Whoever serves tells cameras to come again; who waits for a command wants its end, however busy the database is.
_SERVES = Path(sys.argv[0]).name != "manage.py" or sys.argv[1:2] in (["up"], ["web"], ["gateway"], ["alive"])
_DATABASE_WITHIN_S = 2 if _SERVES else 15


def _postgresql() -> dict:
    parts = urlsplit(DATABASE_URL)
    if parts.scheme not in ("postgres", "postgresql"):
        raise SettingError(
            "DATABASE_URL", "begins with neither postgres:// nor postgresql://. Leave it empty for SQLite"
        )
    query = dict(item.split("=", 1) for item in parts.query.split("&") if "=" in item)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")) or "photohub",
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(query.pop("host", "") or parts.hostname or ""),
        "PORT": str(parts.port or query.pop("port", "")),
        "OPTIONS": {
            "pool": {
                "min_size": 1,
                "max_size": env_int("PHOTOHUB_DB_POOL", 10, "Database connections a process"),
                "timeout": _DATABASE_WITHIN_S,
                # The pool's own pauses between tries double up to minutes, and nobody is served meanwhile, however
                # long the database has been back. When it gives up, the next one who asks makes it try at once.
                "reconnect_timeout": _DATABASE_WITHIN_S,
            },
            "connect_timeout": _DATABASE_WITHIN_S,
            **query,
        },
    }


DATABASES: dict[str, dict] = {"default": _postgresql() if DATABASE_URL else _sqlite()}

# --- Redis, Channels, Celery ------------------------------------------------------------------------------------

REDIS_URL = env_secret(
    "REDIS_URL", "", "redis://:password@host:6379/0; empty: everything inside the one process"
)
# Connections of each kind in one process: live pictures, notices, the cache.
REDIS_CONNECTIONS = 16
# Who only listens sends nothing, and would never notice that a firewall or a machine between dropped the connection.
REDIS_KEEPALIVE = (
    {
        "socket_keepalive": True,
        "socket_keepalive_options": {
            getattr(socket, name): value
            for name, value in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3))
            if hasattr(socket, name)
        },
    }
    if not REDIS_URL.startswith("unix:")
    else {}
)
if REDIS_URL:
    CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {
                "hosts": [{"address": REDIS_URL, "max_connections": REDIS_CONNECTIONS, **REDIS_KEEPALIVE}],
                "prefix": "photohub",
            },
        }
    }
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": REDIS_URL,
            "OPTIONS": {
                "pool_class": "redis.BlockingConnectionPool",
                "max_connections": REDIS_CONNECTIONS,
                "timeout": _DATABASE_WITHIN_S,
            },
        }
    }
else:
    CHANNEL_LAYERS = {"default": {"BACKEND": "photohub.lib.messaging.channel_layer.ThreadSafeLayer"}}
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

# Celery is production's: the one process has a worker of its own, and of this section only the schedule.
CELERY_BROKER_URL = REDIS_URL
# No time limit: a pool of threads cannot end a task. Each task bounds itself (time-outs of sockets, leases, stretches).
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_CHANNEL_ERROR_RETRY = True
# Enqueueing may never hold up the caller: the row is the queue, and the sweeper finds what was missed.
CELERY_TASK_PUBLISH_RETRY = False
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_timeout": 2,
    "socket_connect_timeout": 1,
    "visibility_timeout": 3600,
    **REDIS_KEEPALIVE,
}
CELERY_BEAT_SCHEDULER = "photohub.beat.scheduler:HeldScheduler"
CELERY_BEAT_SCHEDULE = {
    "sweep pictures": {"task": "media_pipeline.tasks.sweep", "schedule": 10.0},
    "sweep devices": {"task": "devices.tasks.sweep", "schedule": 5.0},
    "look for alerts": {"task": "media_pipeline.tasks.look_for_alerts", "schedule": 5.0},
    "tidy up devices": {"task": "devices.tasks.tidy_up", "schedule": 600.0},
    "tidy up": {"task": "media_pipeline.tasks.tidy_up", "schedule": 600.0},
    "keep to the retention": {"task": "media_pipeline.tasks.retain", "schedule": 600.0},
    "worker heartbeat": {"task": "devices.tasks.beat", "schedule": 15.0},
}

# --- MQTT -------------------------------------------------------------------------------------------------------

MQTT_URL = env_secret(
    "PHOTOHUB_MQTT_URL", "", "mqtt://user:password@host:1883 of an outside broker; empty: the embedded one"
)
MQTT_GATEWAY_PORT = env_int(
    "PHOTOHUB_MQTT_GATEWAY_PORT",
    0,
    "Port of that broker for the gateways, where the other one lets an account connect once (0: the same)",
    minimum=0,
    maximum=65_535,
)
MQTT_DYNSEC = env_bool(
    "PHOTOHUB_MQTT_DYNSEC",
    False,
    "Keep the accounts of Mosquitto's dynamic-security plugin in step with the devices",
)
if MQTT_URL and urlsplit(MQTT_URL).scheme not in ("mqtt", "mqtts"):
    raise SettingError("PHOTOHUB_MQTT_URL", "begins with neither mqtt:// nor mqtts://")
MQTT_HOOK_SECRET = env_secret(
    "PHOTOHUB_MQTT_HOOK_SECRET",
    "",
    "Secret word in the addresses by which an outside broker asks who may do what (empty: it may not ask)",
)
if MQTT_HOOK_SECRET and (_fault := fault_of_secret(MQTT_HOOK_SECRET, 16)):
    raise SettingError("PHOTOHUB_MQTT_HOOK_SECRET", _fault)
MQTT_MAX_PACKET_BYTES = env_size(
    "PHOTOHUB_MQTT_MAX_PACKET", "12MiB", "Largest MQTT message the embedded broker takes"
)

# --- the gateway ------------------------------------------------------------------------------------------------

# A stream takes 0.3 to 4 MB while it runs, and each of its frames a turn of the gateway's one loop.
STREAMS_AT_ONCE = env_int(
    "PHOTOHUB_STREAMS_AT_ONCE", 220, "Camera streams over TCP in one gateway; more are refused", minimum=1
)
# Each holds a picture, shared where panels show the same one, and answers up to a hundred packets a second.
TRANSFERS_AT_ONCE = env_int(
    "PHOTOHUB_TRANSFERS_AT_ONCE",
    500,
    "Pictures on their way to panels over MQTT in one gateway; more wait",
    minimum=1,
)
# A thread holds a database connection while it handles a message, and most of that time waits for the commit.
MQTT_THREADS = env_int(
    "PHOTOHUB_MQTT_THREADS",
    4,
    "Messages of devices that one gateway handles at the same time; each needs a database connection",
    minimum=1,
    maximum=64,
)

# --- uploads ----------------------------------------------------------------------------------------------------

UPLOAD_MAX_BYTES = env_size("PHOTOHUB_MAX_UPLOAD", "10MiB", "Largest picture")
UPLOAD_MAX_PIXELS = env_int("PHOTOHUB_MAX_PIXELS", 40_000_000, "Largest picture in pixels")
UPLOAD_RATE = env_rate("PHOTOHUB_RATE_LIMIT", "5/s,20", "Uploads per device: steady rate, burst; or off")
WORK_MEMORY_BYTES = env_size(
    "PHOTOHUB_WORK_MEMORY",
    "184MiB",
    "Memory that decoding pictures and checking passwords may take at once in one process",
)
ADDRESS_RATE = env_rate(
    "PHOTOHUB_ADDRESS_RATE", "50/s,200", "Uploads per network address: steady rate, burst; or off"
)
UPLOAD_TIMEOUT_S = env_int(
    "PHOTOHUB_UPLOAD_TIMEOUT", 30, "A picture must arrive within so many seconds", minimum=1
)
UPLOADS_AT_ONCE = env_int(
    "PHOTOHUB_UPLOADS_AT_ONCE", 256, "Uploads in flight in one process; more get 503 busy"
)

# --- mirror -----------------------------------------------------------------------------------------------------

PHOTOHUB_MIRROR = env_choice(
    "PHOTOHUB_MIRROR", "none", ("none", "file", "oss", "s3"), "Where pictures are copied to"
)
PHOTOHUB_MIRROR_FOLDER = env_str(
    "PHOTOHUB_MIRROR_FOLDER", "", "Folder of the mirror, for PHOTOHUB_MIRROR=file"
)
PHOTOHUB_LINKS = env_choice(
    "PHOTOHUB_LINKS",
    "hub",
    ("hub", "public", "signed"),
    "What /p/<code> does once mirrored: serve here, or redirect",
)
LASTING_LINKS = (
    env_choice(
        "PHOTOHUB_LASTING_LINKS",
        "on",
        ("on", "off"),
        "Whether /p/<code> shows each picture without a login; off spares devices with a result topic",
    )
    == "on"
)
OSS_ENDPOINT = env_str(
    "OSS_ENDPOINT", "", "API address of the bucket, e.g. https://oss-cn-hangzhou.aliyuncs.com"
)
OSS_PUBLIC_ENDPOINT = env_str(
    "OSS_PUBLIC_ENDPOINT", "", "Address browsers reach the bucket at, when it is another one"
)
OSS_REGION = env_str("OSS_REGION", "", "Region without oss-, e.g. cn-hangzhou; needed for signature v4")
OSS_BUCKET = env_str("OSS_BUCKET", "", "Name of the bucket")
OSS_ACCESS_KEY_ID = env_secret("OSS_ACCESS_KEY_ID", "", "Access key")
OSS_ACCESS_KEY_SECRET = env_secret("OSS_ACCESS_KEY_SECRET", "", "Secret of the access key")
OSS_SESSION_TOKEN = env_secret("OSS_SESSION_TOKEN", "", "Token of a temporary (STS) access key")
OSS_CNAME = env_bool("OSS_CNAME", False, "The public endpoint is a custom domain bound to the bucket")
OSS_PREFIX = env_str("OSS_PREFIX", "photohub/", "Put before every object key")
OSS_SIGNATURE = env_choice(
    "OSS_SIGNATURE", "v4", ("v4", "v1"), "Signature version; v1 only for old private clouds"
)
S3_ENDPOINT_URL = env_parsed("S3_ENDPOINT_URL", "", "Address of an S3-compatible store", read_web_address)
S3_REGION = env_str("S3_REGION", "", "Region of the S3 bucket")
S3_BUCKET = env_str("S3_BUCKET", "", "Name of the S3 bucket")
S3_ACCESS_KEY_ID = env_secret("S3_ACCESS_KEY_ID", "", "S3 access key")
S3_SECRET_ACCESS_KEY = env_secret("S3_SECRET_ACCESS_KEY", "", "Secret of the S3 access key")
S3_ADDRESSING_STYLE = env_choice(
    "S3_ADDRESSING_STYLE", "auto", ("auto", "virtual", "path"), "How S3 URLs name the bucket"
)
S3_PREFIX = env_str("S3_PREFIX", "photohub/", "Put before every S3 key")

_NEEDED = {
    "file": ("PHOTOHUB_MIRROR_FOLDER",),
    "oss": ("OSS_ENDPOINT", "OSS_BUCKET", "OSS_ACCESS_KEY_ID", "OSS_ACCESS_KEY_SECRET"),
    "s3": ("S3_BUCKET", "S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY"),
}
for _name in _NEEDED.get(PHOTOHUB_MIRROR, ()):
    if not globals()[_name]:
        raise SettingError(_name, f"is empty, but PHOTOHUB_MIRROR={PHOTOHUB_MIRROR} needs it")


def _check_mirror_folder() -> None:
    folder = Path(PHOTOHUB_MIRROR_FOLDER)
    if not folder.is_absolute():
        raise SettingError(
            "PHOTOHUB_MIRROR_FOLDER", f"is {folder}. Write the whole path, from the root of the disk on"
        )
    folder = folder.resolve()
    # There a copy would be the very file that it is the copy of, and freeing one would lose both.
    own = [PICTURES_DIR, INCOMING_DIR, THUMBNAILS_DIR, OUTBOX_DIR, TIME_LAPSES_DIR, FIRMWARE_DIR]
    if folder == PHOTOHUB_DATA or any(folder.is_relative_to(each) for each in own):
        raise SettingError(
            "PHOTOHUB_MIRROR_FOLDER", f"is {folder}, where the hub's own files lie. Choose a folder elsewhere"
        )


try:
    if PHOTOHUB_MIRROR == "file":
        _check_mirror_folder()
    if PHOTOHUB_MIRROR == "oss":
        for _name in ("OSS_ACCESS_KEY_ID", "OSS_ACCESS_KEY_SECRET", "OSS_SESSION_TOKEN"):
            check_credential(_name, globals()[_name])
        check_prefix("OSS_PREFIX", OSS_PREFIX)
        _checked = check_oss(
            endpoint=OSS_ENDPOINT,
            public_endpoint=OSS_PUBLIC_ENDPOINT,
            region=OSS_REGION,
            bucket=OSS_BUCKET,
            cname=None if READ["OSS_CNAME"].source == "default" else OSS_CNAME,
            v4=OSS_SIGNATURE == "v4",
            links=PHOTOHUB_LINKS != "hub",
        )
        OSS_ENDPOINT, OSS_PUBLIC_ENDPOINT = _checked.endpoint, _checked.public_endpoint
        OSS_REGION = _checked.region
    if PHOTOHUB_MIRROR == "s3":
        for _name in ("S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY"):
            check_credential(_name, globals()[_name])
        check_prefix("S3_PREFIX", S3_PREFIX)
        check_s3(endpoint_url=S3_ENDPOINT_URL, bucket=S3_BUCKET)
except BucketSettingError as _error:
    raise SettingError(_error.name, _error.sentence) from None

PHOTOHUB_ACK = env_choice(
    "PHOTOHUB_ACK",
    "stored",
    ("stored", "mirrored"),
    "When a camera hears that its picture is safe: once it is stored, or once the object store has a copy too",
)
if PHOTOHUB_ACK == "mirrored" and PHOTOHUB_MIRROR not in ("oss", "s3"):
    raise SettingError(
        "PHOTOHUB_ACK", "is mirrored, but there is no object store. Set PHOTOHUB_MIRROR to oss or s3"
    )

# --- several machines --------------------------------------------------------------------------------------------

NODE_URL = env_parsed(
    "PHOTOHUB_NODE_URL",
    "",
    "Address at which the hub's other machines reach this one's web server; empty: there is only this machine",
    read_origin,
)
NODE_NAME = env_str(
    "PHOTOHUB_NODE_NAME", "", "Name of this data folder, asked for once; empty: the machine's"
)


def _check_node() -> None:
    needed = {"DATABASE_URL": DATABASE_URL, "REDIS_URL": REDIS_URL}
    if missing := [name for name, value in needed.items() if not value]:
        raise SettingError(
            "PHOTOHUB_NODE_URL", f"is set, but {missing[0]} is empty. Several machines share both of them"
        )
    if PHOTOHUB_MIRROR not in ("oss", "s3"):
        raise SettingError(
            "PHOTOHUB_NODE_URL",
            "is set, but there is no object store, without which the pictures of a machine that is lost are lost"
            " and nobody sees them while it is away. Set PHOTOHUB_MIRROR to oss or s3",
        )
    if READ["PHOTOHUB_SECRET_KEY"].source == "default":
        raise SettingError(
            "PHOTOHUB_NODE_URL",
            "is set, but PHOTOHUB_SECRET_KEY is empty. All machines of a hub need the same one",
        )


if NODE_URL:
    _check_node()

# --- retention ---------------------------------------------------------------------------------------------------

# A century: far beyond it there is no date to compare with.
_DAYS_AT_MOST = 36_500
KEEP_DAYS = env_int(
    "PHOTOHUB_KEEP_DAYS",
    0,
    "Pictures older than so many days are deleted, but never kept ones (0: for ever)",
    minimum=0,
    maximum=_DAYS_AT_MOST,
)
KEEP_BYTES = env_size(
    "PHOTOHUB_KEEP_BYTES", "0", "Most bytes of pictures on this hub; beyond it the oldest go (0: no limit)"
)
THIN_AFTER_DAYS = env_int(
    "PHOTOHUB_THIN_AFTER_DAYS",
    0,
    "Of like pictures in a row that are older than so many days only the first and the last stay (0: all do)",
    minimum=0,
)
FREE_LOCAL_AFTER_DAYS = env_int(
    "PHOTOHUB_FREE_LOCAL_AFTER_DAYS",
    0,
    "So many days after mirroring only the mirror keeps a picture (0: both for ever)",
    minimum=0,
    maximum=_DAYS_AT_MOST,
)
if FREE_LOCAL_AFTER_DAYS and PHOTOHUB_MIRROR == "none":
    raise SettingError(
        "PHOTOHUB_FREE_LOCAL_AFTER_DAYS",
        "is set, but there is no mirror to keep the pictures. Set PHOTOHUB_MIRROR",
    )

# Ten years: whoever wants to keep pictures for longer keeps them, and does not delete them.
TRASH_DAYS = env_int(
    "PHOTOHUB_TRASH_DAYS",
    30,
    "Deleted pictures stay in the trash for so many days (0: they are deleted at once, by owners)",
    minimum=0,
    maximum=3650,
)
KEEP_TIME_LAPSES_DAYS = env_int(
    "PHOTOHUB_KEEP_TIME_LAPSES_DAYS",
    30,
    "Time-lapses older than so many days are deleted (0: never)",
    minimum=0,
    maximum=_DAYS_AT_MOST,
)

AUDIT_DAYS = env_int(
    "PHOTOHUB_AUDIT_DAYS",
    365,
    "Entries of the audit log older than so many days are deleted (0: never)",
    minimum=0,
    maximum=_DAYS_AT_MOST,
)

# --- pictures to devices -----------------------------------------------------------------------------------------

FETCH_FROM = env_str(
    "PHOTOHUB_FETCH_FROM",
    "public",
    "Where pictures for panels may be fetched: none, public, or hosts such as *.example.org,192.168.1.9:8080",
)

# --- firmware ---------------------------------------------------------------------------------------------------

UNSIGNED_FIRMWARE = env_choice(
    "PHOTOHUB_UNSIGNED_FIRMWARE", "refuse", ("refuse", "allow"), "Firmware without signature"
)
FIRMWARE_MAX_BYTES = env_size("PHOTOHUB_MAX_FIRMWARE", "64MiB", "Largest firmware image")
FIRMWARE_MANIFEST_DAYS = env_int(
    "PHOTOHUB_MANIFEST_DAYS",
    365,
    "A firmware manifest is good for so many days after it was made (0: for ever)",
    minimum=0,
)
DOWNLOADS_AT_ONCE = env_int(
    "PHOTOHUB_DOWNLOADS_AT_ONCE",
    20,
    "Firmware downloads in flight in one process; more get 503 busy",
    minimum=1,
)
NGINX_SENDS_FIRMWARE = env_bool(
    "PHOTOHUB_NGINX_SENDS_FIRMWARE",
    False,
    "The nginx of deploy/nginx.conf stands before the hub and sends firmware images",
)
DDI_SLEEP_S = env_int(
    "PHOTOHUB_DDI_SLEEP",
    30,
    "Seconds after which a device that speaks hawkBit's API asks again",
    minimum=1,
)
LINK_CHECK = env_bool(
    "PHOTOHUB_LINK_CHECK", True, "Hand out download links only while the hub reaches its own outside address"
)

# --- metrics ----------------------------------------------------------------------------------------------------

METRICS_TOKEN = env_secret(
    "PHOTOHUB_METRICS_TOKEN", "", "Whoever names it as a bearer token may read /metrics (empty: nobody can)"
)
if METRICS_TOKEN and (_fault := fault_of_secret(METRICS_TOKEN, 16)):
    raise SettingError("PHOTOHUB_METRICS_TOKEN", _fault)
METRICS_NETWORKS = env_networks(
    "PHOTOHUB_METRICS_FROM",
    "",
    "Networks from which /metrics may be read without a token (empty: this machine, while there is no token)",
)
if not (METRICS_NETWORKS or METRICS_TOKEN):
    METRICS_NETWORKS = [ip_network("127.0.0.0/8"), ip_network("::1")]

# --- words, times, static files ---------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
LOCALE_PATHS = [BASE_DIR / "locale"]
LANGUAGE_COOKIE_NAME = "photohub_language"
USE_I18N = USE_TZ = True
# Rows and logs are in UTC. The zone of the hub is for what people read where nobody's own zone is known.
TIME_ZONE = "UTC"


def _read_time_zone(text: str) -> str:
    try:
        return ZoneInfo(text).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"{text!r} is no time zone. Write one such as Europe/Berlin or Asia/Shanghai"
        ) from None


HUB_TIME_ZONE = env_parsed(
    "PHOTOHUB_TIME_ZONE",
    "",
    "Time zone of the hub, for panels, captions and schedules; when empty, an owner chooses it in the pages",
    _read_time_zone,
)

STATIC_URL = "/static/"
STATIC_ROOT = PHOTOHUB_DATA / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "photohub.lib.pages.vendor.VendorFinder",
]
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": PHOTOHUB_DATA / "uploads"},
    },
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if PHOTOHUB_ENV == "test"
        else "servestatic.storage.CompressedManifestStaticFilesStorage"
    },
}
SERVESTATIC_USE_FINDERS = PHOTOHUB_ENV == "test"
SERVESTATIC_AUTOREFRESH = False
# Compressing with Brotli takes longer than a first start should; production images do it once, at build time.
SERVESTATIC_USE_BROTLI = PHOTOHUB_ENV == "production"

# --- log --------------------------------------------------------------------------------------------------------

LOG_FORMAT = env_choice("PHOTOHUB_LOG", "text", ("text", "json"), "Form of the log lines")
LOG_LEVEL = env_choice(
    "PHOTOHUB_LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR"), "Least level written"
)
LOGGING_CONFIG = None


def _own_secrets() -> list[str]:
    """Return what may stand in no log, wherever it comes from."""
    addresses = (DATABASE_URL, REDIS_URL, MQTT_URL)
    words = [unquote(urlsplit(address).password or "") for address in addresses]
    words += [urlsplit(address).password or "" for address in addresses]
    words += [
        SECRET_KEY,
        MQTT_HOOK_SECRET,
        METRICS_TOKEN,
        OIDC_CLIENT_SECRET,
        OSS_ACCESS_KEY_SECRET,
        OSS_SESSION_TOKEN,
        S3_SECRET_ACCESS_KEY,
    ]
    return [word for word in words if word]


OWN_SECRETS = _own_secrets()

UNFOLD = {
    "SITE_TITLE": "PhotoHub",
    "SITE_HEADER": "PhotoHub",
    "SHOW_LANGUAGES": False,
    "STYLES": ["devices.access.back_office.style_sheet"],
    "SCRIPTS": ["devices.access.back_office.script"],
}
