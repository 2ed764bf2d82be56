/** An error in ClickHouse's format: code, text and NAME. The HTTP status follows from the name. */
export class ClickHouseException extends Error {
  readonly exceptionCode: number;
  readonly exceptionName: string;

  constructor(exceptionCode: number, exceptionName: string, message: string) {
    super(message);
    this.name = 'ClickHouseException';
    this.exceptionCode = exceptionCode;
    this.exceptionName = exceptionName;
  }

  /** Parses engine errors: `Code: 60. DB::Exception: Table … does not exist. (UNKNOWN_TABLE)`. */
  static from(error: unknown): ClickHouseException {
    if (error instanceof ClickHouseException) return error;
    // Keep the whole text with its line breaks: the client decides how to show it.
    const text = (error instanceof Error ? error.message : String(error)).trim();
    const code = Number(/^Code: (\d+)\./.exec(text)?.[1] ?? 1_002);
    const name = /\(([A-Z][A-Z0-9_]+)\)$/.exec(text)?.[1] ?? 'UNKNOWN_EXCEPTION';
    const message = text.replace(/^Code: \d+\. DB::Exception: /, '').replace(/ ?\([A-Z][A-Z0-9_]+\)$/, '');
    return new ClickHouseException(code, name, message);
  }

  get status(): number {
    return statuses.find(([, names]) => names.has(this.exceptionName))?.[0] ?? 500;
  }

  body(version: string): string {
    return `Code: ${this.exceptionCode}. DB::Exception: ${this.message} (${this.exceptionName}) (version ${version})\n`;
  }
}

/**
 * The HTTP statuses that the real server returns for these error names. Any other error is a 500.
 */
const statuses: readonly (readonly [number, ReadonlySet<string>])[] = [
  [
    400,
    names(`BAD_ARGUMENTS CANNOT_COMPILE_REGEXP CANNOT_PARSE_TEXT CANNOT_PARSE_ESCAPE_SEQUENCE
      CANNOT_PARSE_QUOTED_STRING CANNOT_PARSE_DATE CANNOT_PARSE_DATETIME CANNOT_PARSE_NUMBER
      CANNOT_PARSE_DOMAIN_VALUE_FROM_STRING CANNOT_PARSE_IPV4 CANNOT_PARSE_IPV6 CANNOT_PARSE_UUID
      CANNOT_PARSE_INPUT_ASSERTION_FAILED DUPLICATE_COLUMN ILLEGAL_COLUMN THERE_IS_NO_COLUMN
      UNKNOWN_ELEMENT_IN_AST UNKNOWN_TYPE_OF_AST_NODE TOO_DEEP_AST TOO_BIG_AST SYNTAX_ERROR
      UNEXPECTED_AST_STRUCTURE INCORRECT_DATA TYPE_MISMATCH VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE`),
  ],
  [401, names('REQUIRED_PASSWORD')],
  [403, names('UNKNOWN_USER WRONG_PASSWORD AUTHENTICATION_FAILED SET_NON_GRANTED_ROLE ACCESS_DENIED')],
  [
    404,
    names(`UNKNOWN_TABLE UNKNOWN_FUNCTION UNKNOWN_IDENTIFIER UNKNOWN_TYPE UNKNOWN_STORAGE
      UNKNOWN_DATABASE UNKNOWN_SETTING UNKNOWN_DIRECTION_OF_SORTING UNKNOWN_AGGREGATE_FUNCTION
      UNKNOWN_FORMAT UNKNOWN_DATABASE_ENGINE UNKNOWN_TYPE_OF_QUERY UNKNOWN_ROLE`),
  ],
  [408, names('TIMEOUT_EXCEEDED')],
  [413, names('QUERY_IS_TOO_LARGE')],
  [415, names('UNSUPPORTED_MEDIA_TYPE')],
  [501, names('NOT_IMPLEMENTED')],
  [503, names('SOCKET_TIMEOUT CANNOT_OPEN_FILE CANNOT_SCHEDULE_TASK')],
];

function names(text: string): ReadonlySet<string> {
  return new Set(text.split(/\s+/));
}
