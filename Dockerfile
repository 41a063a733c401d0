# The server as a container: docs/operating.md, "In a container". Nothing here is needed to run it otherwise.
FROM node:24-bookworm-slim AS build
# Where no binary of better-sqlite3 fits or can be had, npm compiles it.
RUN apt-get update \
  && apt-get install -y --no-install-recommends python3 make g++ \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json openapi.yaml ./
COPY src ./src
COPY migrations ./migrations
COPY seeds ./seeds
# Files keep the mode of a checkout, which its owner alone may be able to read.
RUN npm run -s build && npm prune --omit=dev && chmod a+r package.json openapi.yaml

FROM node:24-bookworm-slim
# SQLITE_TMPDIR: where SQLite puts temporary files, as /tmp may be read-only.
ENV NODE_ENV=production \
  DATABASE_URL=sqlite:/data/revocation.sqlite \
  SQLITE_TMPDIR=/data
WORKDIR /app
COPY --from=build /app/package.json /app/openapi.yaml ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
RUN install -d -o node -g node -m 0700 /data
USER node
VOLUME /data
EXPOSE 3000
HEALTHCHECK --start-period=30s CMD ["node", "dist/src/main.js", "healthcheck"]
# Not through npm, which would stand between the server and the signal that stops it.
ENTRYPOINT ["node", "--max-semi-space-size=32", "dist/src/main.js"]
