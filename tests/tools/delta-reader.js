// A second reader of Delta tables: ClickHouse, which reads them by delta-kernel-rs. Each line of its input is a query as a JSON string, each line of its
// output the answer: { rows: [[text]] }, ∅ for NULL, or { error }.
const { query } = require('chdb');

// It reads what lies below its current folder.
process.chdir('/');

const answer = sql => {
  try {
    return { rows: query(`${sql} settings session_timezone='UTC', max_threads=1, output_format_decimal_trailing_zeros=1`, 'JSONCompactStringsEachRow').replaceAll('ᴺᵁᴸᴸ', '∅').split('\n').filter(Boolean).map(line => JSON.parse(line)) };
  } catch (error) {
    return { error: error.message };
  }
};

require('node:readline').createInterface({ input: process.stdin }).on('line', line => console.log(JSON.stringify(answer(JSON.parse(line)))));
