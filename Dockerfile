# The service as an image: what is installed is what the lock says, and nothing that only building needs.

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

FROM python:3.11-slim-bookworm
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
