/**
 * A client of newsgraph on plain fetch: queries by GET, so that caches and ETags work; mutations by
 * POST with an idempotency key, so that a lost answer may be asked for again.
 */

export interface GraphQLErrorEntry {
  message: string;
  path?: (string | number)[];
  extensions?: { code?: string };
}

/** An answer with errors. `data` holds the fields that succeeded. */
export class GraphQLRequestError extends Error {
  override name = 'GraphQLRequestError';

  constructor(
    readonly status: number,
    readonly errors: GraphQLErrorEntry[],
    readonly data: unknown,
  ) {
    super(errors.map(({ message }) => message).join('\n'));
  }

  has(code: string): boolean {
    return this.errors.some(({ extensions }) => extensions?.code === code);
  }
}

export interface Options {
  url: string;
  /** Without a key you read what is published. */
  key?: string;
}

export function createClient({ url, key }: Options) {
  // A browser has an HTTP cache that does this. Node has none.
  const cache = new Map<string, { etag: string; body: string }>();
  const headers: Record<string, string> = {
    accept: 'application/graphql-response+json, application/json;q=0.9',
    ...(key && { authorization: `Bearer ${key}` }),
  };

  async function query<T>(document: string, variables: object = {}): Promise<T> {
    const address = new URL(url);
    address.searchParams.set('query', document);
    address.searchParams.set('variables', JSON.stringify(variables));
    const cached = cache.get(address.href);
    const response = await fetch(address, {
      headers: { ...headers, ...(cached && { 'if-none-match': cached.etag }) },
    });
    if (response.status === 304 && cached) return parse<T>(response.status, cached.body);
    const body = await response.text();
    const etag = response.headers.get('etag');
    if (etag) cache.set(address.href, { etag, body });
    return parse<T>(response.status, body);
  }

  async function mutate<T>(
    document: string,
    variables: object,
    idempotencyKey: string = crypto.randomUUID(),
  ): Promise<T> {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        ...headers,
        'content-type': 'application/json',
        'idempotency-key': idempotencyKey,
      },
      body: JSON.stringify({ query: document, variables }),
    });
    return parse<T>(response.status, await response.text());
  }

  return { query, mutate };
}

function parse<T>(status: number, body: string): T {
  const { data, errors } = JSON.parse(body) as { data?: T; errors?: GraphQLErrorEntry[] };
  if (errors) throw new GraphQLRequestError(status, errors, data);
  return data as T;
}
