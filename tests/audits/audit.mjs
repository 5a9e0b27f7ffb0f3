// Runs every audit of graphql-http against a server and prints one JSON line for each.
//
//   node audit.mjs http://127.0.0.1:8000/graphql   {"id", "name", "status", "reason"}
//   node audit.mjs                                 {"id", "name"}: the audits there are
import { serverAudits } from 'graphql-http';

const [url] = process.argv.slice(2);
const print = (line) => console.log(JSON.stringify(line));

for (const { id, name, fn } of serverAudits({ url: url ?? 'http://localhost/' })) {
  if (url === undefined) {
    print({ id, name });
  } else {
    const { status, reason } = await fn();
    print({ id, name, status, reason });
  }
}
