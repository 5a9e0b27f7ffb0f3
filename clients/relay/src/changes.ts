import { graphql, requestSubscription } from 'react-relay';
import { ConnectionHandler, type Environment, ROOT_ID } from 'relay-runtime';
import type { changesSubscription } from './__generated__/changesSubscription.graphql.ts';

/** Keeps the store in step with the server. The function that it returns ends this. */
export function followChanges(environment: Environment, after: string, onGap: () => void) {
  const lists = [ConnectionHandler.getConnectionID(ROOT_ID, 'Feed_articles')];
  const { dispose } = requestSubscription<changesSubscription>(environment, {
    subscription: graphql`
      subscription changesSubscription($after: String!, $lists: [ID!]!) {
        changes(after: $after) {
          cursor
          kind
          deletedId @deleteEdge(connections: $lists)
          article {
            id
            title
            revision
          }
        }
      }
    `,
    variables: { after, lists },
    onNext: (event) => {
      if (event?.changes.kind === 'GAP') onGap();
    },
  });
  return dispose;
}
