// The parts of newsgraph's schema that the benchmark asks for.

const page = "first: Int, after: String, last: Int, before: String";
const list = `filter: ArticleFilter, orderBy: [ArticleOrder!], ${page}`;

// graphql-jit cannot compile a variable of an input type that holds itself, so that filters are
// nested up to a depth only: ArticleFilter, ArticleFilter1 ...
const depth = 3;
const filters = Array.from({ length: depth + 1 }, (_, level) => {
  const inner = `ArticleFilter${level + 1}`;
  return `input ArticleFilter${level || ""} {
    ${level < depth ? `and: [${inner}!] or: [${inner}!] not: ${inner}` : ""}
    slug: StringFilter title: StringFilter excerpt: StringFilter category: StringFilter
    type: StringFilter locale: StringFilter publishedDateTime: DateTimeFilter
    quality: IntFilter heat: IntFilter published: Boolean providerDomain: StringFilter
    topics: ListFilter tags: ListFilter hasImages: Boolean hasRelated: Boolean
  }`;
}).join("\n");

export const schema = `
  scalar DateTime
  scalar JSON
  scalar URL

  interface Node { id: ID! }

  input ArticleBy { id: ID slug: String locale: String url: URL }
  input ProviderBy { id: ID domain: String }
  input TopicBy { id: ID slug: String name: String }

  input StringFilter {
    eq: String ne: String in: [String!] notIn: [String!] contains: String startsWith: String
    isNull: Boolean firstOf: [String!]
  }
  input IntFilter { eq: Int ne: Int in: [Int!] gt: Int gte: Int lt: Int lte: Int }
  input DateTimeFilter { eq: DateTime gt: DateTime gte: DateTime lt: DateTime lte: DateTime }
  input ListFilter { some: [String!] all: [String!] none: [String!] isEmpty: Boolean }
  ${filters}
  enum ArticleOrderField { PUBLISHED_DATE_TIME HEAT QUALITY TITLE }
  enum OrderDirection { ASC DESC }
  input ArticleOrder { field: ArticleOrderField! direction: OrderDirection! = DESC }

  type Query {
    node(id: ID!): Node
    nodes(ids: [ID!]!): [Node]!
    article(by: ArticleBy!): Article
    articles(${list}): ArticleConnection!
    provider(by: ProviderBy!): Provider
    providers(${page}): ProviderConnection!
    topic(by: TopicBy!): Topic
    topics(${page}): TopicConnection!
  }
  type Article implements Node {
    id: ID! slug: String! title: String! excerpt: String content: String category: String
    type: String! publishedDateTime: DateTime! updatedDateTime: DateTime
    url: URL webUrl: URL originalUrl: URL ampWebUrl: URL cdnAmpWebUrl: URL
    quality: Int! heat: Int! published: Boolean! locale: String tags: [String!]!
    featuredContent: String metadata: JSON! revision: String!
    provider: Provider! topics: [Topic!]!
    images(minWidth: Int, minHeight: Int, isCached: Boolean): [Image!]!
    image(width: Int): Image
    related: [RelatedArticle!]!
    translations: [Article!]!
    referencedBy(${page}): ArticleConnection!
  }
  type RelatedArticle {
    title: String! excerpt: String type: String publishedDateTime: DateTime
    url: URL webUrl: URL ampWebUrl: URL cdnAmpWebUrl: URL quality: Int
    provider: Provider images: [Image!]! article: Article
  }
  type Image {
    url: URL! width: Int height: Int title: String attribution: String isCached: Boolean!
  }
  type Provider implements Node {
    id: ID! domain: String! name: String! images: [Image!]! image(width: Int): Image
    articleCount: Int! articles(${list}): ArticleConnection!
  }
  type Topic implements Node {
    id: ID! slug: String! name: String! parent: Topic children: [Topic!]! keywords: [String!]!
    articleCount: Int! articles(${list}): ArticleConnection!
  }
  type ArticleConnection {
    edges: [ArticleEdge!]! nodes: [Article!]! pageInfo: PageInfo! totalCount: Int!
  }
  type ProviderConnection {
    edges: [ProviderEdge!]! nodes: [Provider!]! pageInfo: PageInfo! totalCount: Int!
  }
  type TopicConnection {
    edges: [TopicEdge!]! nodes: [Topic!]! pageInfo: PageInfo! totalCount: Int!
  }
  type ArticleEdge { node: Article! cursor: String! }
  type ProviderEdge { node: Provider! cursor: String! }
  type TopicEdge { node: Topic! cursor: String! }
  type PageInfo {
    hasNextPage: Boolean! hasPreviousPage: Boolean! startCursor: String endCursor: String
  }
`;
