// ajv validate -c ./published-schemas.js: formats, and regular expressions that are none under the `u` flag, as SARIF's schema has.
module.exports = ajv => {
  ajv.opts.unicodeRegExp = false;
  require('ajv-formats')(ajv);
  return ajv;
};
