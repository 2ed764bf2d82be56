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
    'North, Blue, Rapid, Quiet, Solar, Iron, Paper, Cloud, Maple, Harbour, Lucky, Prime, Green, Silver, Urban, Open, ' +
      'Amber, Birch, Cedar, Copper, Delta, Ember, Fern, Granite, Hazel, Juniper, Lantern, Meadow, Otter, Pebble, River, Willow',
  ),
  second: list(
    'loom, fox, works, labs, forge, bikes, foods, data, health, robotics, books, garden, systems, pay, travel, studio, ' +
      'crest, dock, field, gate, grid, lane, mill, nest, path, press, shift, spark, stack, tide, ware, yard',
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

export const noteTexts = [
  'Called back, wants a quote for 20 more seats.',
  'Said: "not before Q3".\nWill try again.',
  'Путь \\server\\share не открывается',
  'Renewal 👍 – legal is reading the contract',
  'Asked about SSO;\tSAML only, no SCIM',
  '見積書を送付しました。',
  "They're moving off a spreadsheet.",
  'Escalated: invoice was wrong twice.',
  'Uses the export every Monday, asked for a schedule.',
  'New finance lead wants to pay by the year.',
];

export const taskTexts = [
  'Send a quote for more seats',
  'Call before the renewal: "annual or monthly?"',
  'Ask why logins dropped\n(see the last note)',
  'Send the security questionnaire',
  '契約書を確認する',
  'Offer the annual plan at 10 % less',
  "Check the refund with finance; it's late",
  'Plan a training for the new team 🎓',
];

export const titles = list('CEO, CTO, CFO, Head of "Growth", Office Manager, Développeuse, VP Sales, Buyer');
export const tags = ['managed', 'important', 'vip', 'at risk', 'partner', 'beta 🧪', 'réseau', 'a,b "c"'];
export const people = list(
  'kim@example.com, sara@example.com, lee@example.com, noor@example.com, olu@example.com',
);

/**
 * A weight, the code and name of a country, a city with its postcode, and the code and name of the
 * state, if any.
 */
export const places = [
  place(6, 'US', 'United States', 'Portland', '97201', 'OR', 'Oregon'),
  place(6, 'US', 'United States', 'New York', '10001', 'NY', 'New York'),
  place(6, 'US', 'United States', 'Austin', '73301', 'TX', 'Texas'),
  place(5, 'US', 'United States', 'Denver', '80202', 'CO', 'Colorado'),
  place(5, 'GB', 'United Kingdom', 'Leeds', 'LS1 4AP'),
  place(4, 'GB', 'United Kingdom', 'Bristol', 'BS1 5TR'),
  place(4, 'DE', 'Germany', 'Köln', '50667'),
  place(4, 'DE', 'Germany', 'Leipzig', '04109'),
  place(3, 'FR', 'France', "L'Haÿ-les-Roses", '94240'),
  place(3, 'FR', 'France', 'Lyon', '69002'),
  place(3, 'NL', 'Netherlands', 'Utrecht', '3511'),
  place(3, 'CA', 'Canada', 'Montréal', 'H2X 1Y4', 'QC', 'Québec'),
  place(3, 'CA', 'Canada', 'Halifax', 'B3H 0A1', 'NS', 'Nova Scotia'),
  place(3, 'AU', 'Australia', 'Adelaide', '5000', 'SA', 'South Australia'),
  place(3, 'BR', 'Brazil', 'São Paulo', '01000-000', 'SP', 'São Paulo'),
  place(3, 'IN', 'India', 'Pune', null, 'MH', 'Maharashtra'),
  place(2, 'JP', 'Japan', '東京', '100-0001'),
  place(2, 'SE', 'Sweden', 'Malmö', '211 19'),
  place(2, 'ES', 'Spain', 'Valencia', '46001'),
  place(2, 'PL', 'Poland', 'Łódź', '90-001'),
  place(2, 'IE', 'Ireland', 'Cork', 'T12'),
  place(1, 'ID', 'Indonesia', 'Jakarta', '10110'),
];

function place(
  weight: number,
  code: string,
  country: string,
  city: string,
  zip: string | null,
  state: string | null = null,
  stateName: string | null = null,
) {
  return { weight, code, country, city, zip, state, stateName };
}
