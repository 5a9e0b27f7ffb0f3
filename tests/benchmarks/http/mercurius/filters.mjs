// ArticleFilter as a predicate, compiled once a request.

const comparisons = {
  eq: (value) => (other) => other === value,
  ne: (value) => (other) => other !== value,
  gt: (value) => (other) => other > value,
  gte: (value) => (other) => other >= value,
  lt: (value) => (other) => other < value,
  lte: (value) => (other) => other <= value,
  in: (values) => member(values, true),
  notIn: (values) => member(values, false),
  isNull: (value) => (other) => (other === null) === value,
};

function member(values, wanted) {
  const set = new Set(values);
  return (other) => set.has(other) === wanted;
}

const lists = {
  some: (values) => (others) => values.some((value) => others.has(value)),
  all: (values) => (others) => values.every((value) => others.has(value)),
  none: (values) => (others) => !values.some((value) => others.has(value)),
  isEmpty: (value) => (others) => (others.size === 0) === value,
};

const texts = new Set(["slug", "title", "excerpt", "category", "type", "locale"]);

// `topicSlug`: the slug of the topic with a name or slug.
export function compiler(topicSlug) {
  function compile(filter) {
    const parts = Object.entries(filter).map(([name, value]) => part(name, value));
    return parts.length === 1 ? parts[0] : (article) => parts.every((holds) => holds(article));
  }

  function part(name, value) {
    switch (name) {
      case "and": {
        const parts = value.map(compile);
        return (article) => parts.every((holds) => holds(article));
      }
      case "or": {
        const parts = value.map(compile);
        return (article) => parts.some((holds) => holds(article));
      }
      case "not": {
        const holds = compile(value);
        return (article) => !holds(article);
      }
      case "published":
        return (article) => article.published === value;
      case "hasImages":
        return (article) => article.images.length > 0 === value;
      case "hasRelated":
        return (article) => article.related.length > 0 === value;
      default: {
        const parts = Object.entries(value).map(([how, operand]) => condition(name, how, operand));
        return parts.length === 1 ? parts[0] : (article) => parts.every((holds) => holds(article));
      }
    }
  }

  function condition(name, how, operand) {
    if (how === "firstOf") return (article) => pick(article.story, operand) === article;
    if (name === "topics") {
      const holds = lists[how](how === "isEmpty" ? operand : operand.map(topicSlug));
      return (article) => holds(article.topicSlugs);
    }
    if (name === "tags") {
      const holds = lists[how](operand);
      return (article) => holds(article.tagSet);
    }
    if (name === "publishedDateTime") {
      const holds = comparisons[how](Date.parse(operand));
      return (article) => holds(article.millis);
    }
    if (how === "contains" || how === "startsWith") {
      const lower = operand.toLowerCase();
      return how === "contains"
        ? (article) => article.lower[name]?.includes(lower) ?? false
        : (article) => article.lower[name]?.startsWith(lower) ?? false;
    }
    if (name === "providerDomain") {
      const holds = comparisons[how](domains(operand));
      return (article) => holds(article.provider.domain);
    }
    const holds = comparisons[how](operand);
    return (article) => holds(article[name]);
  }

  return compile;
}

// The article of a story that the first range that matches any of them picks.
function pick(story, chain) {
  for (const range of chain) {
    const found = story.filter((article) => inRange(article.locale, range));
    if (found.length) return found.find((article) => article.locale === range) ?? found[0];
  }
  return null;
}

export function inRange(locale, range) {
  return locale !== null && (locale === range || locale.startsWith(`${range}-`));
}

function domains(operand) {
  if (typeof operand === "string") return operand.toLowerCase();
  return Array.isArray(operand) ? operand.map((domain) => domain.toLowerCase()) : operand;
}

// The texts that are compared whatever the case.
export function lowered(article) {
  const lower = { providerDomain: article.provider.domain };
  for (const name of texts) lower[name] = article[name]?.toLowerCase() ?? null;
  return lower;
}
