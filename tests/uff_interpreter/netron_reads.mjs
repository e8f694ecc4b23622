// Read .uff files with Netron's own reader, as its viewer does, and print what it sees as one line of JSON a file.
//
//   node netron_reads.mjs NETRON FILE...       NETRON: the folder of the Python package netron
//
// Netron's sources are modules for a browser. Under Node they want a package.json that says so, hence the copy.
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import * as url from 'node:url';

const [netron, ...files] = process.argv.slice(2);
const sources = fs.mkdtempSync(path.join(os.tmpdir(), 'netron-'));
process.on('exit', () => fs.rmSync(sources, { recursive: true, force: true }));
fs.writeFileSync(path.join(sources, 'package.json'), '{"type": "module"}');
for (const name of fs.readdirSync(netron).filter((name) => /\.(js|json)$/.test(name) && name !== 'package.json')) {
    fs.copyFileSync(path.join(netron, name), path.join(sources, name));
}
const load = (name) => import(url.pathToFileURL(path.join(sources, name)).href);
const view = await load('view.js');
const node = await load('node.js');

// The little of a browser that the reader asks for.
class Host {
    constructor() {
        this.errors = [];
        this.document = {};
        this.window = {};
    }
    environment() { return null; }
    event() {}
    exception(error) { this.errors.push(error.message); }
    require(id) { return load(`${id.replace(/^\.\//, '')}.js`); }
    asset(name) { return this.fetch(name, 'utf-8', sources); }
    async fetch(name, encoding, folder = sources) {
        const file = path.join(folder, name);
        return encoding ? fs.readFileSync(file, encoding) : stream(file);
    }
}

class Context {
    constructor(host, file) {
        this.host = host;
        this.identifier = path.basename(file);
        this.folder = path.dirname(file);
        this.entries = new Map();
        this.stream = stream(file);
    }
    asset(name) { return this.host.asset(name); }
    require(id) { return this.host.require(id); }
    fetch(name, encoding, folder = this.folder) { return this.host.fetch(name, encoding, folder); }
    error(error) { this.host.exception(error); }
}

function stream(file) {
    const facts = fs.statSync(file);
    return new node.FileStream(file, 0, facts.size, facts.mtimeMs);
}

for (const file of files) {
    const host = new Host();
    const model = await new view.ModelFactoryService(host).open(new Context(host, file));
    const [graph] = model.modules;
    console.log(JSON.stringify({
        format: model.format,
        imports: model.imports,
        graph: graph.name,
        nodes: graph.nodes.map((node) => [node.name, node.type.name]),
        inputs: graph.inputs.map((input) => `${input.name} ${input.value[0].type}`),
        outputs: graph.outputs.map((output) => `${output.name} ${output.value[0].name}`),
        errors: host.errors
    }));
}
