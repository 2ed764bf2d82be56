import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ClickHouseException } from '../../../../services/clickhouse/exception.ts';
import { parseStatement, type Statement } from '../../../../services/clickhouse/statement.ts';

const latin1 = (text: string) => Buffer.from(text).toString('latin1');
const parse = (text: string) => parseStatement(latin1(text), 'TabSeparated');
const oneLine = (sql: string) => sql.replace(/\s+/g, ' ').trim();

/** Returns the statement for the engine and the data of an INSERT. */
function insertOf(text: string): { sql: string; data: string } {
  const statement = parse(text);
  assert.equal(statement.kind, 'insert');
  return {
    sql: oneLine(statement.from('F')),
    data: Buffer.from(latin1(text).slice(statement.dataAt), 'latin1').toString('utf8'),
  };
}

function rowsOf(text: string): { sql: string; format: string } {
  const statement: Statement = parse(text);
  assert.equal(statement.kind, 'rows');
  return { sql: oneLine(statement.into('F')), format: statement.format };
}

describe('an INSERT with data', () => {
  test('is split after the line break that follows its format', () => {
    assert.deepEqual(insertOf('INSERT INTO t (a, b) FORMAT RowBinary\n\n\x01'), {
      sql: "INSERT INTO t (a, b) FROM INFILE 'F' COMPRESSION 'none' FORMAT RowBinary",
      data: '\n\x01',
    });
  });

  test('is split after the blanks that follow its format', () => {
    assert.equal(insertOf('insert into t format JSONEachRow {"a":1}').data, '{"a":1}');
  });

  test('is split directly after VALUES', () => {
    assert.deepEqual(insertOf("INSERT INTO t VALUES(1, 'é')"), {
      sql: "INSERT INTO t FROM INFILE 'F' COMPRESSION 'none' FORMAT Values",
      data: "(1, 'é')",
    });
  });

  test('keeps its settings between the file and the format', () => {
    assert.equal(
      insertOf('INSERT INTO t SETTINGS async_insert = 0 FORMAT CSV\n1').sql,
      "INSERT INTO t FROM INFILE 'F' COMPRESSION 'none' SETTINGS async_insert = 0 FORMAT CSV",
    );
  });

  test('ignores keywords in names, strings and comments', () => {
    const text = 'INSERT /* VALUES */ INTO `FORMAT x` ("VALUES", settings) -- FORMAT TSV\n FORMAT TSV\n1\t2';
    assert.equal(insertOf(text).data, '1\t2');
  });

  test('ignores columns that are named like keywords', () => {
    assert.equal(insertOf('INSERT INTO t (values, select, format) FORMAT TSV\n1\t2\t3').data, '1\t2\t3');
  });

  test('keeps non-ASCII letters in its names', () => {
    assert.match(insertOf('INSERT INTO `größe` FORMAT TSV\n1').sql, /`größe`/);
  });

  test('is not recognized if it contains a SELECT or names a file', () => {
    assert.equal(parse('INSERT INTO t SELECT 1').kind, 'command');
    assert.equal(parse("INSERT INTO t FROM INFILE 'x' FORMAT CSV").kind, 'command');
    assert.equal(parse('INSERT INTO t (a) WITH 1 AS x SELECT x').kind, 'command');
  });
});

describe('a query for rows', () => {
  test('writes its rows to a file in its own format', () => {
    assert.deepEqual(rowsOf('SELECT 1\nFORMAT JSON'), {
      sql: "SELECT 1 INTO OUTFILE 'F' COMPRESSION 'none' FORMAT JSON",
      format: 'JSON',
    });
  });

  test('writes its rows to a file in the default format if it names no format', () => {
    assert.equal(rowsOf("SELECT 'FORMAT JSON' AS x").format, 'TabSeparated');
    assert.equal(rowsOf('SELECT 1 AS format').format, 'TabSeparated');
    assert.equal(rowsOf('SELECT x FROM (SELECT 1 AS x) -- FORMAT JSON').format, 'TabSeparated');
  });

  test('keeps settings on either side of its format', () => {
    assert.match(
      rowsOf('SELECT 1 SETTINGS a = 1 FORMAT CSV').sql,
      /SETTINGS a = 1 INTO OUTFILE .* FORMAT CSV$/,
    );
    assert.match(
      rowsOf('SELECT 1 FORMAT CSV SETTINGS a = 1').sql,
      /^SELECT 1 INTO OUTFILE .* FORMAT CSV SETTINGS a = 1$/,
    );
  });

  test('can end in a semicolon and a comment', () => {
    assert.match(rowsOf('SELECT 1 FORMAT CSV; -- done').sql, /FORMAT CSV;?$/);
    assert.match(rowsOf("SELECT ';' AS x;").sql, /^SELECT ';' AS x INTO OUTFILE/);
  });

  test('can begin with a parenthesis, WITH, SHOW or a comment', () => {
    for (const query of [
      '(SELECT 1)',
      'WITH 1 AS x SELECT x',
      'show tables',
      '/* a */ SELECT 1',
      '# a\nSELECT 1',
    ]) {
      assert.equal(parse(query).kind, 'rows', query);
    }
  });
});

describe('any other query', () => {
  test('is passed to the engine unchanged except for its semicolon', () => {
    const statement = parse('DROP TABLE t;\n');
    assert.ok(statement.kind === 'command');
    assert.equal(statement.sql, 'DROP TABLE t');
  });

  test('is rejected when it is empty or has two statements', () => {
    for (const text of ['', ' -- nothing\n', 'SELECT 1; SELECT 2', 'DROP TABLE a; DROP TABLE b']) {
      assert.throws(
        () => parse(text),
        (error) => error instanceof ClickHouseException && error.exceptionCode === 62,
      );
    }
  });
});
