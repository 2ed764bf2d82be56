/** Words for people and companies, including ones that break careless code. */

function list(words: string): string[] {
  return words.split(', ');
}

export const firstNames = list(
  'Ada, Grace, Linus, Zoë, José, Мария, 明, فاطمة, Sinéad, Søren, Priya, Kwame, Noor, Ivo, Uma, Bob',
);
export const lastNames = list(
  "O'Neil, García, Müller, Иванова, 王, الحسن, Smith-Jones, Þórsdóttir, Nguyễn, Okafor, Rossi, de la Cruz, Li, Kumar, Novák, Tables",
);
export const companies = {
  first: list(
    'North, Blue, Rapid, Quiet, Solar, Iron, Paper, Cloud, Maple, Harbour, Lucky, Prime, Green, Silver, Urban, Open',
  ),
  second: list(
    'Wind, Fox, Works, Labs, Forge, Bikes, Foods, Data, Health, Robotics, Books, Garden, Systems, Pay, Travel, Studio',
  ),
  forms: list('Ltd, GmbH, Inc., S.A., AB, Oy, LLC, B.V.'),
  awkward: [
    'Emoji 🚀👩‍👩‍👧 & Söhne',
    'The "Quoted" Company',
    'Back\\slash \\n Holdings',
    'Two\nlines and a\ttab',
    '株式会社シミュレーション',
    'شركة المحاكاة',
    "Robert'); DROP TABLE customers;--",
    ' blank at both ends ',
    'Zero\u200bwidth \u2028 separator',
  ],
};

export const sentences = [
  'Called back, wants a quote for 20 more seats.',
  'Said: "not before Q3".\nWill try again.',
  'Путь \\server\\share не открывается',
  'Renewal 👍 – legal is reading the contract',
  'Asked about SSO;\tSAML only, no SCIM',
  '見積書を送付しました。',
  "They're moving off a spreadsheet.",
  'Escalated: invoice was wrong twice.',
];

export const titles = list('CEO, CTO, CFO, Head of "Growth", Office Manager, Développeuse, VP Sales, Buyer');
export const tags = ['managed', 'important', 'vip', 'at risk', 'partner', 'beta 🧪', 'réseau', 'a,b "c"'];
export const people = list(
  'kim@example.com, sara@example.com, lee@example.com, noor@example.com, olu@example.com',
);

/** Country code, its name, a city, and a state with its name where the country has them. */
export const places = [
  { code: 'US', country: 'United States', city: 'Portland', state: 'OR', stateName: 'Oregon', zip: '97201' },
  {
    code: 'US',
    country: 'United States',
    city: 'New York',
    state: 'NY',
    stateName: 'New York',
    zip: '10001',
  },
  { code: 'DE', country: 'Germany', city: 'Köln', state: null, stateName: null, zip: '50667' },
  { code: 'BR', country: 'Brazil', city: 'São Paulo', state: 'SP', stateName: 'São Paulo', zip: '01000-000' },
  { code: 'JP', country: 'Japan', city: '東京', state: null, stateName: null, zip: '100-0001' },
  { code: 'GB', country: 'United Kingdom', city: 'Leeds', state: null, stateName: null, zip: 'LS1 4AP' },
  { code: 'FR', country: 'France', city: "L'Haÿ-les-Roses", state: null, stateName: null, zip: '94240' },
  { code: 'IN', country: 'India', city: 'Pune', state: 'MH', stateName: 'Maharashtra', zip: null },
] as const;
