// Where the editor finds its workers. Each `?worker` becomes a module of its own on this server, so
// that the page's policy needs `worker-src 'self'` and no blob.

import EditorWorker from 'monaco-editor/esm/vs/editor/editor.worker.js?worker';
import JsonWorker from 'monaco-editor/esm/vs/language/json/json.worker.js?worker';
import GraphQLWorker from 'monaco-graphql/esm/graphql.worker.js?worker';

const workers = { graphql: GraphQLWorker, json: JsonWorker };

globalThis.MonacoEnvironment = {
  getWorker(_id, label) {
    return new (workers[label] ?? EditorWorker)();
  },
};
