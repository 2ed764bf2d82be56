/** Returns `$1,234.50`, or `1,234.50` without a valid currency code. */
export function moneyText(cents: number, currency: string): string {
  return formatOf(currency, 'standard').format(cents / 100);
}

/** Returns `$1.2M` from 10,000 units on, `$1,234` below. */
export function shortMoney(cents: number, currency: string): string {
  return formatOf(currency, Math.abs(cents) < 1_000_000 ? 'whole' : 'compact').format(cents / 100);
}

/** Returns the amount with its sign: `+$1,234.50`. */
export function signedMoney(cents: number, currency: string): string {
  return `${cents > 0 ? '+' : ''}${moneyText(cents, currency)}`;
}

type Kind = 'standard' | 'whole' | 'compact';

const formats = new Map<string, Intl.NumberFormat>();

function formatOf(currency: string, kind: Kind): Intl.NumberFormat {
  const key = `${kind} ${currency}`;
  const known = formats.get(key);
  if (known !== undefined) return known;
  const digits: Intl.NumberFormatOptions =
    kind === 'compact'
      ? { notation: 'compact', minimumFractionDigits: 0, maximumFractionDigits: 2 }
      : kind === 'whole'
        ? { maximumFractionDigits: 0 }
        : {};
  const plain = kind === 'standard' ? { minimumFractionDigits: 2, maximumFractionDigits: 2 } : digits;
  // Intl throws for a code that is not three letters.
  const format = /^[A-Z]{3}$/.test(currency)
    ? new Intl.NumberFormat('en-US', {
        style: 'currency',
        currency,
        currencyDisplay: 'narrowSymbol',
        ...digits,
      })
    : new Intl.NumberFormat('en-US', plain);
  formats.set(key, format);
  return format;
}
