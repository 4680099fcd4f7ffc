# Two images: `app` runs every part of PhotoHub, the role being its command; `broker` is Mosquitto.

FROM node:22.20.0-bookworm-slim AS scripts
WORKDIR /scripts
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM python:3.11.14-slim-bookworm AS app
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PHOTOHUB_NO_BOOTSTRAP=1 PHOTOHUB_ENV=production PHOTOHUB_DATA=/data
# Five megabytes that let captions on displays have Chinese characters.
RUN apt-get update && apt-get install -y --no-install-recommends fonts-wqy-microhei && rm -rf /var/lib/apt/lists/*
# The same number in both images: both write the broker's accounts.
RUN useradd --uid 10001 --create-home photohub \
    && install -d -o photohub -g photohub /data /mosquitto /mosquitto/accounts
WORKDIR /photohub
COPY requirements.txt ./
# Much in libraries is for what is not done here: other services of Amazon's, other languages' dates, tests, pages of their own.
RUN pip install -r requirements.txt \
    && cd "$(python -c 'import os, django; print(os.path.dirname(os.path.dirname(django.__file__)))')" \
    && find botocore/data -mindepth 1 -maxdepth 1 -type d ! -name 's3*' ! -name 'sts' ! -name 'sso*' -exec rm -r {} + \
    && find babel/locale-data -name '*.dat' ! -name 'root*' ! -name 'en*' ! -name 'zh*' -delete \
    && rm -r Crypto/SelfTest ninja/static && find . -name "*.po" -delete && find . -type d -name tests -prune -exec rm -r {} +
COPY --from=scripts /scripts/node_modules node_modules
COPY manage.py package.json ./
COPY locale locale
COPY static static
COPY templates templates
COPY simulators simulators
COPY devices devices
COPY media_pipeline media_pipeline
COPY photohub photohub
# Made here, because the program's folder belongs to root at run time, and compressing takes a while. With a key of its own,
# so that no image holds the one that a hub makes at its first start. The bytecode too: at run time it may not be written, and
# each start would compile everything again. Files of a checkout that is its owner's alone (umask 077) are opened to others.
RUN find . \( ! -perm -444 -o -type d ! -perm -555 \) -exec chmod a+rX {} + \
    && python -m compileall -q -j 0 devices media_pipeline photohub simulators \
    && PHOTOHUB_SECRET_KEY="$(head -c 48 /dev/urandom | base64 -w 0)" python manage.py prepare --files \
    && chown -R photohub:photohub /data
USER photohub
EXPOSE 8000
CMD ["python", "manage.py", "web"]

FROM debian:bookworm-20251117-slim AS broker
RUN apt-get update && apt-get install -y --no-install-recommends mosquitto && rm -rf /var/lib/apt/lists/* \
    && ln -s /usr/lib/*/mosquitto_dynamic_security.so /usr/lib/mosquitto_dynamic_security.so \
    && useradd --uid 10001 photohub \
    && install -d -o photohub -g photohub /mosquitto /mosquitto/accounts /mosquitto/data
USER photohub
EXPOSE 1883 1884 9001
CMD ["mosquitto", "-c", "/mosquitto/mosquitto.conf"]
