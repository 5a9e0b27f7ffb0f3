/** The server that tests/clients started for these tests. */
export const URL_OF_GRAPHQL = `${process.env.NEWSGRAPH_URL}/graphql`;
export const URL_OF_WEBSOCKET = URL_OF_GRAPHQL.replace(/^http/, 'ws');

/** A key with the scopes READ_DRAFTS and WRITE. */
export const KEY = process.env.NEWSGRAPH_KEY ?? '';

/** Calls `read` until its value is true, or an object; fails after 20 s. */
export async function until<T>(read: () => T): Promise<NonNullable<T>> {
  for (const end = Date.now() + 20_000; Date.now() < end;) {
    const value = read();
    if (value) return value;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`not within 20 s: ${read}`);
}

/** Has the server killed (kill -9) and started again at the same address; ends when it serves. */
export async function restart(): Promise<void> {
  const response = await fetch(`${process.env.NEWSGRAPH_RESTART}`, { method: 'POST' });
  if (!response.ok) throw new Error(await response.text());
}
