# syntax=docker/dockerfile:1
# The server: one program, a user without rights, and one folder to keep.
#
#   docker build --tag guestpass .
#   docker run --publish 127.0.0.1:8000:8000 --volume guestpass:/data guestpass
#
# Settings are environment variables (GUESTPASS_CORS_ORIGIN=https://shop.example) or flags after the name of the image:
#
#   docker run … guestpass serve --cors-origin https://shop.example

FROM rust:1.95-bookworm AS build
WORKDIR /build
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo install --locked --path server/cli --root /out --target-dir target --no-track

FROM debian:12-slim
# The certificates are for TLS to PostgreSQL, to issuers of ID tokens and to collectors of traces.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin guestpass \
    && install --directory --owner=guestpass --group=guestpass --mode=0700 /data
COPY --from=build /out/bin/guestpass /usr/local/bin/guestpass
COPY LICENSE-MIT LICENSE-APACHE /usr/share/doc/guestpass/

# The number, so that Kubernetes can see that it is not root (runAsNonRoot).
USER 10001
WORKDIR /data
VOLUME /data
ENV GUESTPASS_LISTEN=0.0.0.0:8000 GUESTPASS_STORE=sqlite:/data/guestpass.sqlite
EXPOSE 8000
# The image has no HTTP client. Kubernetes ignores this check: give it httpGet probes of /healthz and /readyz.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["/bin/bash", "-c", \
    "exec 3<>/dev/tcp/127.0.0.1/8000 && printf 'GET /healthz HTTP/1.0\\r\\n\\r\\n' >&3 && head -n 1 <&3 | grep --quiet ' 200 '"]
# SIGTERM lets requests under way finish.
STOPSIGNAL SIGTERM
ENTRYPOINT ["guestpass"]
CMD ["serve"]
