// A supergraph of a newsgraph server and a second Relay subgraph: composed, then queried.
// node supergraph.mjs URL ARTICLE_ID... prints the composition's errors and the answers as JSON.
import { readFileSync } from 'node:fs'
import { composeServices } from '@apollo/composition'
import { ApolloGateway, LocalGraphQLDataSource, RemoteGraphQLDataSource } from '@apollo/gateway'
import { buildSubgraphSchema } from '@apollo/subgraph'
import { getOperationAST, parse } from 'graphql'

const [url, ...ids] = process.argv.slice(2)
const comments = parse(readFileSync(new URL('comments.graphql', import.meta.url), 'utf8'))

async function post(body) {
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
  return response.json()
}

const connection = (nodes) => ({
  edges: nodes.map((node) => ({ node, cursor: node.id })),
  pageInfo: { hasNextPage: false, hasPreviousPage: false },
})
const all = ids.map((id, number) => ({
  __typename: 'Comment',
  id: `c${number}`,
  text: `On ${number}`,
  article: { __typename: 'Article', id },
}))
const resolvers = {
  Query: {
    node: (_, { id }) => all.find((comment) => comment.id === id),
    comments: () => connection(all),
    favourites: () => [{ domain: 'one.example' }, { domain: 'unknown.example' }],
  },
  Article: { comments: ({ id }) => connection(all.filter((comment) => comment.article.id === id)) },
  Topic: { followers: ({ slug }) => slug.length },
  Provider: { rating: ({ domain }) => domain.length },
}

const { data } = await post({ query: '{ _service { sdl } }' })
const composed = composeServices([
  { name: 'news', url, typeDefs: parse(data._service.sdl) },
  { name: 'comments', url: 'http://comments.example', typeDefs: comments },
])
if (composed.errors) {
  console.log(JSON.stringify({ errors: composed.errors.map((error) => error.message) }))
  process.exit(0)
}
const hints = (composed.hints ?? []).map((hint) => hint.definition.code)
const sent = []
const gateway = new ApolloGateway({
  supergraphSdl: composed.supergraphSdl,
  logger: { debug() {}, info() {}, warn() {}, error() {} },
  buildService({ name }) {
    if (name === 'comments') {
      return new LocalGraphQLDataSource(buildSubgraphSchema({ typeDefs: comments, resolvers }))
    }
    return new RemoteGraphQLDataSource({
      url,
      willSendRequest: ({ request }) => sent.push(request.query.includes('_entities')),
    })
  },
})
const { executor, schema } = await gateway.load()

async function execute(query) {
  const document = parse(query)
  const result = await executor({
    document,
    request: { query, http: { headers: new Map() } },
    context: {},
    metrics: {},
    queryHash: query,
    operationName: null,
    operation: getOperationAST(document),
    schema,
    source: query,
  })
  return { data: result.data, errors: result.errors?.map((error) => error.message) }
}

const article = 'title provider { name rating } topics { name followers }'
const answers = {
  comments: await execute(`{ comments { edges { node { text article { ${article} } } } } }`),
  articles: await execute(
    '{ articles { totalCount pageInfo { hasNextPage } nodes { slug comments { edges { node { text } } } } } }',
  ),
  favourites: await execute('{ favourites { rating domain name } }'),
  node: await execute('{ node(id: "c0") { id ... on Comment { text } } }'),
}
await gateway.stop()
const scalars = ['DateTime', 'URL', 'JSON'].every((name) => schema.getType(name))
console.log(JSON.stringify({ hints, scalars, entityRequests: sent.filter(Boolean).length, ...answers }))
