// Ordered lists and their pages. Each order of all articles is sorted once, when first asked for;
// a list is the sorted places that its articles have in an order. Cursors are newsgraph's own, but
// that zeros stand where newsgraph puts the code that only it can make.

const marks = { PUBLISHED_DATE_TIME: "d", HEAT: "h", QUALITY: "q", TITLE: "t" };
const keys = {
  PUBLISHED_DATE_TIME: (article) => article.millis * 1000,
  HEAT: (article) => article.heat,
  QUALITY: (article) => article.quality,
  TITLE: (article) => article.lower.title,
};
const newestFirst = [{ field: "PUBLISHED_DATE_TIME", direction: "DESC" }];

const blank = Buffer.alloc(8);
const encode = (parts) =>
  Buffer.concat([Buffer.from(JSON.stringify(parts)), blank]).toString("base64url");
const decode = (cursor) => JSON.parse(Buffer.from(cursor, "base64url").subarray(0, -8).toString());

export const orderMark = (steps) =>
  steps.map(({ field, direction }) => marks[field] + (direction === "ASC" ? "+" : "-")).join("");

class Order {
  constructor(articles, steps) {
    this.mark = orderMark(steps);
    this.signs = steps.map(({ direction }) => (direction === "ASC" ? 1 : -1));
    this.signs.push(this.signs.at(-1)); // ids go the way of the last step
    const keyOf = (article) => [...steps.map(({ field }) => keys[field](article)), article.id];
    const entries = articles.map((article) => ({ article, key: keyOf(article) }));
    entries.sort((one, other) => this.compare(one.key, other.key));
    this.articles = entries.map((entry) => entry.article);
    this.keys = entries.map((entry) => entry.key);
    this.cursors = new Array(articles.length);
    this.places = new Map(this.articles.map((article, place) => [article, place]));
    this.all = Uint32Array.from(this.articles.keys());
  }

  compare(one, other) {
    for (let i = 0; i < this.signs.length; i++) {
      if (one[i] !== other[i]) return one[i] < other[i] ? -this.signs[i] : this.signs[i];
    }
    return 0;
  }

  cursor(place) {
    return (this.cursors[place] ??= encode([this.mark, ...this.keys[place]]));
  }

  // How many articles stand before a cursor, or before and at it.
  before(cursor, inclusive) {
    const [, ...key] = decode(cursor);
    return bisect(this.keys, (other) => {
      const way = this.compare(other, key);
      return way < 0 || (inclusive && way === 0);
    });
  }
}

// The number of items at the start of a sorted list for which this holds.
function bisect(items, holds) {
  let [low, high] = [0, items.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(items[middle])) low = middle + 1;
    else high = middle;
  }
  return low;
}

// Some articles, in any order that is asked for.
export class Scope {
  constructor(articles, orders) {
    this.articles = articles;
    this.orders = orders;
    this.lists = new Map();
  }

  places(order) {
    let places = this.lists.get(order.mark);
    if (!places) {
      places = Uint32Array.from(this.articles, (article) => order.places.get(article)).sort();
      this.lists.set(order.mark, places);
    }
    return places;
  }
}

export class Orders {
  constructor(articles) {
    this.articles = articles;
    this.byMark = new Map();
  }

  get(steps) {
    const chosen = steps?.length ? steps : newestFirst;
    const mark = orderMark(chosen);
    let order = this.byMark.get(mark);
    if (!order) this.byMark.set(mark, (order = new Order(this.articles, chosen)));
    return order;
  }
}

// What a connection resolves from; everything is worked out when it is asked for.
export class ArticlePage {
  constructor(order, places, passes, { first, after, last, before }) {
    this.order = order;
    this.places = places;
    this.passes = passes;
    this.start = after == null ? 0 : this.index(order.before(after, true));
    this.end = before == null ? places.length : this.index(order.before(before, false));
    this.backwards = last != null || (first == null && before != null && after == null);
    this.size = (this.backwards ? last : first) ?? 20;
    this.find();
  }

  index(place) {
    return bisect(this.places, (other) => other < place);
  }

  holds(index) {
    return this.passes === null || this.passes(this.order.articles[this.places[index]]);
  }

  find() {
    const found = [];
    const { size, start, end } = this;
    if (this.backwards) {
      for (let i = end - 1; i >= start && found.length < size; i--) if (this.holds(i)) found.push(i);
      if (found.length === size && size) this.start = found[size - 1];
      found.reverse();
    } else {
      for (let i = start; i < end && found.length < size; i++) if (this.holds(i)) found.push(i);
      if (found.length === size && size) this.end = found[size - 1] + 1;
    }
    this.found = found.map((index) => this.places[index]);
  }

  get nodes() {
    return this.found.map((place) => this.order.articles[place]);
  }

  get edges() {
    const { order } = this;
    return this.found.map((place) => ({ node: order.articles[place], cursor: order.cursor(place) }));
  }

  get totalCount() {
    if (this.passes === null) return this.places.length;
    let total = 0;
    for (let i = 0; i < this.places.length; i++) if (this.holds(i)) total++;
    return total;
  }

  get pageInfo() {
    return this;
  }

  get hasPreviousPage() {
    for (let i = this.start - 1; i >= 0; i--) if (this.holds(i)) return true;
    return false;
  }

  get hasNextPage() {
    for (let i = this.end; i < this.places.length; i++) if (this.holds(i)) return true;
    return false;
  }

  get startCursor() {
    return this.found.length ? this.order.cursor(this.found[0]) : null;
  }

  get endCursor() {
    return this.found.length ? this.order.cursor(this.found.at(-1)) : null;
  }
}

// A page of nodes that are sorted by one text, such as topics by slug.
export function namedPage(nodes, mark, name, { first, after, last, before }) {
  const start = after == null ? 0 : bisect(nodes, (node) => node[name] <= decode(after)[1]);
  const end = before == null ? nodes.length : bisect(nodes, (node) => node[name] < decode(before)[1]);
  const [low, high] =
    last == null ? [start, Math.min(end, start + (first ?? 20))] : [Math.max(start, end - last), end];
  const shown = nodes.slice(low, high);
  const cursor = (node) => (node ? encode([mark, node[name]]) : null);
  return {
    nodes: shown,
    totalCount: nodes.length,
    get edges() {
      return shown.map((node) => ({ node, cursor: cursor(node) }));
    },
    get pageInfo() {
      return {
        hasPreviousPage: low > 0,
        hasNextPage: high < nodes.length,
        startCursor: cursor(shown[0]),
        endCursor: cursor(shown.at(-1)),
      };
    },
  };
}
