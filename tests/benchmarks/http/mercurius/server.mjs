// The peer: Mercurius with graphql-jit over the benchmark's documents in memory.
// As fast as its authors would write it: everything linked and indexed at the start, orders sorted
// once, resolvers synchronous, no loaders (there is nothing to wait for).
// node server.mjs GRAPH PORT

import { readFileSync } from "node:fs";
import Fastify from "fastify";
import mercurius from "mercurius";
import { compiler, inRange, lowered } from "./filters.mjs";
import { ArticlePage, Orders, Scope, namedPage } from "./lists.mjs";
import { schema } from "./schema.mjs";

const [graphFile, port] = process.argv.slice(2);

const graph = JSON.parse(readFileSync(graphFile, "utf8"));
const by = (nodes, name) => new Map(nodes.map((node) => [node[name], node]));
const articles = { id: by(graph.articles, "id"), slug: by(graph.articles, "slug"), url: new Map() };
const providers = { id: by(graph.providers, "id"), domain: by(graph.providers, "domain") };
const topics = { id: by(graph.topics, "id"), slug: by(graph.topics, "slug"), name: new Map() };
const nodesByPrefix = { a: articles.id, p: providers.id, t: topics.id };

const orders = new Orders(graph.articles);
const everything = new Scope(graph.articles, orders);
const byName = (name) => name.trim().toLowerCase();
for (const provider of graph.providers) provider.written = [];
for (const topic of graph.topics) {
  topic.about = [];
  topic.parent = topic.parent && topics.id.get(topic.parent.id);
  topic.children = topic.children.map(({ id }) => topics.id.get(id));
  topics.name.set(byName(topic.name), topic);
  topics.name.set(topic.slug, topic);
}
for (const article of graph.articles) article.referrers = [];
for (const article of graph.articles) link(article);
for (const provider of graph.providers) provider.scope = new Scope(provider.written, orders);
for (const topic of graph.topics) topic.scope = new Scope(topic.about, orders);
for (const article of graph.articles) article.scope = new Scope(article.referrers, orders);

// Articles with one slug are a story and its translations.
const stories = new Map();
for (const article of graph.articles) {
  const story = stories.get(article.slug) ?? [];
  stories.set(article.slug, [...story, article]);
}
for (const story of stories.values()) {
  for (const article of story) {
    article.story = story;
    article.translations = story.filter((other) => other.locale !== article.locale);
  }
}

// Puts references in the place of ids, and the article into the indexes (newest first already).
function link(article) {
  article.provider = providers.id.get(article.provider.id);
  article.provider.written.push(article);
  article.topics = article.topics.map((topic) => topics.id.get(topic.id));
  for (const topic of article.topics) topic.about.push(article);
  for (const story of article.related) {
    story.provider = story.provider && providers.id.get(story.provider.id);
    story.article = story.article && articles.id.get(story.article.id);
  }
  for (const target of new Set(article.related.map((story) => story.article))) {
    target?.referrers.push(article);
  }
  for (const url of [article.webUrl, article.originalUrl, article.ampWebUrl, article.cdnAmpWebUrl]) {
    if (url && !articles.url.has(canonical(url))) articles.url.set(canonical(url), article);
  }
  article.millis = Date.parse(article.publishedDateTime);
  article.topicSlugs = new Set(article.topics.map((topic) => topic.slug));
  article.tagSet = new Set(article.tags);
  article.lower = lowered(article);
}

function canonical(text) {
  const url = new URL(text);
  url.hash = "";
  for (const name of [...url.searchParams.keys()]) {
    if (name.startsWith("utm_")) url.searchParams.delete(name);
  }
  return url.href;
}

const topicSlug = (name) => topics.name.get(byName(name))?.slug ?? name;
const compile = compiler(topicSlug);

// The smallest of the lists by topic and provider that a filter's own members lead to.
function narrowest(scope, filter) {
  const some = filter.topics?.some;
  const found = [
    some?.length === 1 && topics.name.get(byName(some[0]))?.scope,
    filter.topics?.all?.length && topics.name.get(byName(filter.topics.all[0]))?.scope,
    filter.providerDomain?.eq && providers.domain.get(filter.providerDomain.eq.toLowerCase())?.scope,
    filter.slug?.eq && new Scope([articles.slug.get(filter.slug.eq)].filter(Boolean), orders),
  ].filter(Boolean);
  return found.reduce((a, b) => (b.articles.length < a.articles.length ? b : a), scope);
}

function page(scope, { filter, orderBy, ...window }) {
  const order = orders.get(orderBy);
  if (filter == null) return new ArticlePage(order, placesOf(scope, order), null, window);
  const candidates = narrowest(scope, filter);
  const passes = compile(filter);
  if (candidates === scope || scope === everything) {
    return new ArticlePage(order, placesOf(candidates, order), passes, window);
  }
  const inScope = scope.members ?? (scope.members = new Set(scope.articles));
  const both = (article) => inScope.has(article) && passes(article);
  return new ArticlePage(order, placesOf(candidates, order), both, window);
}

const placesOf = (scope, order) => (scope === everything ? order.all : scope.places(order));

// The narrowest image that is wide enough, else the widest; those of unknown width come last.
function best(images, width) {
  if (width == null || !images.length) return images[0] ?? null;
  const enough = images.filter((image) => image.width !== null && image.width >= width);
  const pick = (a, b) => (enough.length ? b.width < a.width : (b.width ?? 0) > (a.width ?? 0));
  return (enough.length ? enough : images).reduce((a, b) => (pick(a, b) ? b : a));
}

const find = (indexes, { locale, ...names }) => {
  if (locale != null) {
    return stories.get(names.slug)?.find((article) => inRange(article.locale, locale)) ?? null;
  }
  const [[name, value]] = Object.entries(names);
  if (name === "url") return indexes.url.get(canonical(value)) ?? null;
  return indexes[name].get(name === "name" ? byName(value) : value) ?? null;
};
const node = (id) => nodesByPrefix[id[0]]?.get(id) ?? null;
const types = { a: "Article", p: "Provider", t: "Topic" };
const pageOf = (source, options) => page(source.scope, options);
const sortedProviders = graph.providers; // by domain, as they were exported
const sortedTopics = graph.topics; // by slug

const resolvers = {
  Node: { resolveType: ({ id }) => types[id[0]] },
  Query: {
    node: (_, { id }) => node(id),
    nodes: (_, { ids }) => ids.map(node),
    article: (_, { by }) => find(articles, by),
    articles: (_, options) => page(everything, options),
    provider: (_, { by }) => find(providers, by),
    providers: (_, window) => namedPage(sortedProviders, "p", "domain", window),
    topic: (_, { by }) => find(topics, by),
    topics: (_, window) => namedPage(sortedTopics, "t", "slug", window),
  },
  Article: {
    images: ({ images }, { minWidth = null, minHeight = null, isCached = null }) =>
      minWidth === null && minHeight === null && isCached === null
        ? images
        : images.filter(
            (image) =>
              (minWidth === null || (image.width !== null && image.width >= minWidth)) &&
              (minHeight === null || (image.height !== null && image.height >= minHeight)) &&
              (isCached === null || image.isCached === isCached),
          ),
    image: ({ images }, { width }) => best(images, width),
    referencedBy: pageOf,
  },
  Provider: { image: ({ images }, { width }) => best(images, width), articles: pageOf },
  Topic: { articles: pageOf },
};

const app = Fastify({ logger: false });
app.register(mercurius, { schema, resolvers, jit: 1 });
await app.listen({ host: "127.0.0.1", port: Number(port) });
