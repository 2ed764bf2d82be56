import { render } from 'preact';
import './styles/tokens.css';
import './styles/base.css';
import './styles/shell.css';
import './styles/pieces.css';
import './styles/table.css';
import './styles/chart.css';
import './overview/overview.css';
import './mrr/mrr.css';
import './sql/sql.css';
import './dead-letters/dead-letters.css';
import './reconcile/reconcile.css';
import './runs/runs.css';
import './streams/streams.css';
import { App } from './shell/app.tsx';

const root = document.getElementById('app');
if (root !== null) render(<App />, root);
