# The service as an image, and with --target page the chat page: what is installed is what the locks say, and nothing that
# only building needs.

FROM python:3.11-slim-bookworm AS build
ENV PATH=/opt/streamsvc/bin:$PATH \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/streamsvc
WORKDIR /src
COPY requirements.lock ./
RUN pip install --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY gen gen
COPY streamsvc streamsvc
RUN pip install --no-deps .

FROM node:20-bookworm-slim AS page-build
WORKDIR /src
COPY web/package.json web/package-lock.json web/.npmrc web/tsconfig.json ./
RUN npm ci --no-audit --no-fund
COPY web/src src
COPY web/demo demo
RUN npm run build:demo

FROM python:3.11-slim-bookworm AS page
WORKDIR /app
COPY tools/__init__.py tools/pages.py tools/
COPY --from=page-build /src/demo/dist /srv/page
ENV PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
EXPOSE 5180
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:5180/', timeout=3)"]
CMD ["python", "-m", "tools.pages", "--listen", "0.0.0.0", "--port", "5180", "--folder", "/srv/page"]

FROM python:3.11-slim-bookworm AS service
RUN groupadd --system --gid 10001 streamsvc \
    && useradd --system --uid 10001 --gid streamsvc --no-create-home --shell /usr/sbin/nologin streamsvc
COPY --from=build /opt/streamsvc /opt/streamsvc
ENV PATH=/opt/streamsvc/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    STREAMSVC_LISTEN=0.0.0.0:50051
# A streamsvc.toml that is mounted here is read.
WORKDIR /etc/streamsvc
USER 10001:10001
EXPOSE 50051
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["streamsvc", "health"]
ENTRYPOINT ["streamsvc"]
CMD ["serve"]
