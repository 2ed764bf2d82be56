# The commands without local services: no chdb, no development dependencies, no root user.
#   docker build -t chartmogul-clickhouse .
#   docker run --rm --read-only --env-file .env chartmogul-clickhouse produce
ARG NODE_IMAGE=node:24-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
# Without chdb, which only local services need. The other packages keep the versions of the lock
# file.
RUN npm pkg delete optionalDependencies.chdb \
  && npm install --no-audit --no-fund
COPY . .
RUN npm run -s build \
  && npm pkg delete optionalDependencies.chdb \
  && npm prune --omit=dev --no-audit --no-fund

FROM ${NODE_IMAGE}
LABEL org.opencontainers.image.title="chartmogul-clickhouse" \
  org.opencontainers.image.description="Copies ChartMogul to Kafka and ClickHouse" \
  org.opencontainers.image.licenses="Apache-2.0"
ENV NODE_ENV=production METRICS_PORT=9090
COPY --from=build /src/package.json /src/LICENSE /app/
COPY --from=build /src/node_modules /app/node_modules
COPY --from=build /src/dist /app/dist
# Commands read .env in this folder and write exports to it: mount a volume if you use either.
WORKDIR /data
USER 10001:10001
EXPOSE 4040 9090
# Only `produce` with a schedule, `sink`, `show` and `webhook` serve /healthz.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.METRICS_PORT}/healthz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/app/dist/commands/main.js"]
CMD ["--help"]
