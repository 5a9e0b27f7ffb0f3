// The peer: Mercurius with graphql-jit over the benchmark's documents in memory.
// As fast as its authors would write it: everything linked and indexed at the start, resolvers
// synchronous, nothing scanned, no loaders (there is nothing to wait for).
// node server.mjs GRAPH PORT

import { readFileSync } from "node:fs";
import Fastify from "fastify";
import mercurius from "mercurius";

const [graphFile, port] = process.argv.slice(2);

const schema = `
  scalar DateTime
  scalar JSON
  scalar URL

  input ArticleBy { id: ID slug: String url: URL }
  input TopicBy { id: ID slug: String name: String }

  type Query {
    article(by: ArticleBy!): Article
    articles(first: Int, after: String): ArticleConnection!
    topic(by: TopicBy!): Topic
  }
  type Article {
    id: ID! slug: String! title: String! excerpt: String content: String category: String
    type: String! publishedDateTime: DateTime! updatedDateTime: DateTime
    url: URL webUrl: URL originalUrl: URL ampWebUrl: URL cdnAmpWebUrl: URL
    quality: Int! heat: Int! published: Boolean! locale: String tags: [String!]!
    featuredContent: String metadata: JSON! revision: String!
    provider: Provider! topics: [Topic!]! images: [Image!]! image: Image
    related: [RelatedArticle!]!
  }
  type RelatedArticle {
    title: String! excerpt: String type: String publishedDateTime: DateTime
    url: URL webUrl: URL ampWebUrl: URL cdnAmpWebUrl: URL quality: Int
    provider: Provider images: [Image!]! article: Article
  }
  type Image {
    url: URL! width: Int height: Int title: String attribution: String isCached: Boolean!
  }
  type Provider { id: ID! domain: String! name: String! images: [Image!]! }
  type Topic {
    id: ID! slug: String! name: String!
    articles(first: Int, after: String): ArticleConnection!
  }
  type ArticleConnection { nodes: [Article!]! pageInfo: PageInfo! totalCount: Int! }
  type PageInfo {
    hasNextPage: Boolean! hasPreviousPage: Boolean! startCursor: String endCursor: String
  }
`;

const graph = JSON.parse(readFileSync(graphFile, "utf8"));
const byId = (nodes) => new Map(nodes.map((node) => [node.id, node]));
const articles = byId(graph.articles);
const providers = byId(graph.providers);
const topics = byId(graph.topics);
const topicsBySlug = new Map(graph.topics.map((topic) => [topic.slug, topic]));

const everything = { articles: graph.articles, places: new Map() };
for (const topic of graph.topics) topic.list = { articles: [], places: new Map() };
for (const article of graph.articles) link(article);

// Puts references in the place of ids, and the article into the lists (newest first already).
function link(article) {
  article.provider = providers.get(article.provider.id);
  article.topics = article.topics.map((topic) => topics.get(topic.id));
  article.image = article.images[0] ?? null;
  for (const story of article.related) {
    story.provider = story.provider && providers.get(story.provider.id);
    story.article = story.article && articles.get(story.article.id);
  }
  article.micros = Date.parse(article.publishedDateTime) * 1000;
  article.cursor = Buffer.from(JSON.stringify(["d-", article.micros, article.id])).toString("base64url");
  everything.places.set(article.cursor, everything.places.size);
  for (const topic of new Set(article.topics)) {
    topic.list.places.set(article.cursor, topic.list.articles.length);
    topic.list.articles.push(article);
  }
}

// Where the articles after a cursor start: looked up, or, if the cursor's own article is not in the
// list, searched by halves.
function startAfter(list, cursor) {
  const place = list.places.get(cursor);
  if (place !== undefined) return place + 1;
  const [, micros, id] = JSON.parse(Buffer.from(cursor, "base64url").toString());
  let [low, high] = [0, list.articles.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const other = list.articles[middle];
    const isBefore = other.micros > micros || (other.micros === micros && other.id >= id);
    if (isBefore) low = middle + 1;
    else high = middle;
  }
  return low;
}

function connection(list, { first = 20, after }) {
  const start = after == null ? 0 : startAfter(list, after);
  const nodes = list.articles.slice(start, start + first);
  return {
    nodes,
    totalCount: list.articles.length,
    pageInfo: {
      hasNextPage: start + nodes.length < list.articles.length,
      hasPreviousPage: start > 0,
      startCursor: nodes.length ? nodes[0].cursor : null,
      endCursor: nodes.length ? nodes[nodes.length - 1].cursor : null,
    },
  };
}

const resolvers = {
  Query: {
    article: (_, { by }) => articles.get(by.id) ?? null,
    articles: (_, page) => connection(everything, page),
    topic: (_, { by }) => topicsBySlug.get(by.slug) ?? null,
  },
  Topic: { articles: (topic, page) => connection(topic.list, page) },
};

const app = Fastify({ logger: false });
app.register(mercurius, { schema, resolvers, jit: 1 });
await app.listen({ host: "127.0.0.1", port: Number(port) });
