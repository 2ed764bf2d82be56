import { useState } from 'preact/hooks';
import { Icon } from '../shared/icon.tsx';

type Theme = 'light' | 'dark';

const YEAR_SECONDS = 31_536_000;

function currentTheme(): Theme {
  const { theme } = document.documentElement.dataset;
  if (theme === 'light' || theme === 'dark') return theme;
  return matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
}

/** Switches between light and dark. The server reads the cookie, so the page never flashes. */
export function ThemeToggle() {
  const [theme, setTheme] = useState(currentTheme);
  const other = theme === 'dark' ? 'light' : 'dark';
  const onClick = () => {
    document.documentElement.dataset['theme'] = other;
    document.querySelector('meta[name="color-scheme"]')?.setAttribute('content', other);
    document.cookie = `theme=${other}; path=/; max-age=${YEAR_SECONDS}; SameSite=Strict`;
    setTheme(other);
    dispatchEvent(new Event('themechange'));
  };
  return (
    <button type="button" class="icon-button" onClick={onClick} aria-label={`Use the ${other} theme`}>
      <Icon name={other === 'dark' ? 'moon' : 'sun'} />
    </button>
  );
}
