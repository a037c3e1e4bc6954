// The OpenAPI document as the tests look at it: operations by request, schemas by pointer.
import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

const escape = (key) => key.replace(/~/g, '~0').replace(/\//g, '~1');

/** "text/csv" of "Text/CSV; charset=utf-8". */
export const essence = (type) => type.split(';')[0].trim().toLowerCase();

export class OpenApi {
  constructor(document) {
    this.document = document;
    this.ajv = new Ajv2020({ allErrors: false, allowUnionTypes: true, strictRequired: false });
    // Validates queries, whose values are texts.
    this.texts = new Ajv2020({ coerceTypes: true, allowUnionTypes: true });
    for (const ajv of [this.ajv, this.texts]) {
      addFormats(ajv);
      ajv.addVocabulary(['example', ...Object.keys(document)]);
      ajv.addSchema(document, 'document');
    }
    this.paths = Object.entries(document.paths).map(([template, item]) => ({
      template,
      item,
      expression: new RegExp(
        '^' +
          template
            .split('/')
            .map((segment) => (segment.startsWith('{') ? '[^/]+' : segment.replace(/\./g, '\\.')))
            .join('/') +
          '$',
      ),
    }));
  }

  resolve(node) {
    while (node?.$ref) {
      node = node.$ref
        .slice(2)
        .split('/')
        .reduce((at, key) => at[key.replace(/~1/g, '/').replace(/~0/g, '~')], this.document);
    }
    return node;
  }

  /** The path's template and item that a request's path matches, or undefined. */
  findPath(path) {
    return this.paths.find(({ expression }) => expression.test(path));
  }

  operations() {
    return this.paths.flatMap(({ template, item }) =>
      Object.entries(item)
        .filter(([key]) => key !== 'parameters')
        .map(([method, operation]) => ({ template, item, method: method.toUpperCase(), operation })),
    );
  }

  /** What is wrong with a value by the schema at these keys of the document, or undefined. */
  fault(value, keys, ajv = this.ajv) {
    const at = this.pointer(keys);
    const validate = ajv.getSchema(at);
    if (!validate) return `there is no schema at ${at}`;
    if (validate(value)) return undefined;
    return validate.errors.map((e) => `${e.instancePath || '/'} ${e.message}`).join('; ');
  }

  /** "document#/…", behind references on the way. */
  pointer(keys) {
    let node = this.document;
    let path = [];
    for (const key of keys) {
      node = node[key];
      path.push(key);
      if (node?.$ref) {
        path = node.$ref.slice(2).split('/');
        node = this.resolve(node);
      }
    }
    return `document#/${path.map(escape).map(encodeURIComponent).join('/')}`;
  }
}
