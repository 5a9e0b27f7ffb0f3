# newsgraph in a container: docs/operations.md tells how to run it.
#
#   docker build -t newsgraph .
#   docker run -p 8000:8000 -v "$PWD/articles:/documents:ro" -v newsgraph:/data newsgraph

ARG PYTHON=3.11
ARG NODE=20

# GraphiQL, bundled so that it asks no other host for anything.
FROM node:${NODE}-slim AS graphiql
WORKDIR /build/gql/web/graphiql
COPY gql/web/graphiql/package.json gql/web/graphiql/package-lock.json gql/web/graphiql/.npmrc ./
RUN npm ci
COPY gql/web/graphiql ./
RUN npm run build

# The program in an environment of its own. What it needs comes first: it changes less often.
FROM python:${PYTHON}-slim AS program
RUN python -m venv /opt/newsgraph
WORKDIR /build
COPY requirements.lock ./
RUN /opt/newsgraph/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY store store
COPY gql gql
COPY --from=graphiql /build/gql/web/static gql/web/static
RUN /opt/newsgraph/bin/pip install --no-cache-dir --no-deps .

FROM python:${PYTHON}-slim
# The documents are only read; the store is all that is written.
RUN useradd --system --uid 10001 --home-dir /data --no-create-home newsgraph \
    && install --directory --owner=newsgraph --mode=0700 /data \
    && install --directory /documents
COPY --from=program /opt/newsgraph /opt/newsgraph
ENV PATH=/opt/newsgraph/bin:$PATH \
    NEWSGRAPH_FOLDER=/documents \
    NEWSGRAPH_WATCH=true \
    NEWSGRAPH_STORE=/data/store.json \
    NEWSGRAPH_HOST=0.0.0.0 \
    NEWSGRAPH_PORT=8000 \
    NEWSGRAPH_LOG_FORMAT=json
# By number, so that a cluster can see that it is not root.
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=3s --start-period=60s CMD ["python", "-c", "import http.client, os, sys; server = http.client.HTTPConnection('127.0.0.1', int(os.environ['NEWSGRAPH_PORT']), timeout=2); server.request('GET', '/readyz'); sys.exit(server.getresponse().status != 200)"]
ENTRYPOINT ["newsgraph"]
CMD ["serve"]
