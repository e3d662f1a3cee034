# worker and starter in one image. See docker-compose.yml.
FROM golang:1.26.8-bookworm AS build
WORKDIR /src
ENV CGO_ENABLED=0 GOTOOLCHAIN=local GOWORK=off GOFLAGS=-buildvcs=false
COPY go.mod go.sum ./
RUN go mod download
COPY . .
# What `worker -version` and the Web UI call this build; empty: the binary's own digest.
ARG BUILD=""
# timetzdata: practices keep their own time zone, and the image below has no zones.
RUN go build -trimpath -tags timetzdata -ldflags "-s -w -X immtrail/internal/buildid.set=${BUILD}" \
    -o /out/ ./worker ./starter

FROM debian:12.15-slim
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/worker /out/starter /usr/local/bin/
# Nobody in particular. docker-compose.yml runs as the user whose keys these are.
USER 10001:10001
CMD ["worker"]
