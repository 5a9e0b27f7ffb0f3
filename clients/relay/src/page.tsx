import { Component, type ReactNode, Suspense, useMemo } from 'react';
import { createRoot } from 'react-dom/client';
import { RelayEnvironmentProvider } from 'react-relay';
import { createEnvironment } from './environment.ts';
import { Feed } from './Feed.tsx';

class ErrorBoundary extends Component<{ children: ReactNode }, { error?: Error }> {
  override state: { error?: Error } = {};
  static getDerivedStateFromError = (error: Error) => ({ error });
  override render() {
    const { error } = this.state;
    return error ? <p role="alert">{error.message}</p> : this.props.children;
  }
}

function App() {
  const { environment } = useMemo(() => {
    const settings = new URLSearchParams(location.search);
    return createEnvironment({
      url: settings.get('url') ?? '/graphql',
      key: settings.get('key') ?? undefined,
    });
  }, []);
  return (
    <RelayEnvironmentProvider environment={environment}>
      <ErrorBoundary>
        <Suspense fallback={<p>Loading …</p>}>
          <Feed />
        </Suspense>
      </ErrorBoundary>
    </RelayEnvironmentProvider>
  );
}

const root = document.getElementById('root');
if (root) createRoot(root).render(<App />);
