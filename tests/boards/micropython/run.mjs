// Runs a MicroPython program in MicroPython's WebAssembly build: node run.mjs <micropython.mjs> <folder> <program> <picture>
// The program waits in a worker, and real sockets live here, because a wait there must not stop them.
import { readFileSync, readdirSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads'

const ROOM = 4 << 20
const WAITING = 0, BYTES = 1, NOTHING = 2, FAILED = 3

if (isMainThread) serve(new SharedArrayBuffer(8 + ROOM), process.argv.slice(2))
else await run(workerData)

function serve(shared, [build, folder, program, picture]) {
  const head = new Int32Array(shared, 0, 2), room = Buffer.from(shared, 8)
  const sockets = new Map()
  let last = 0
  const answer = (state, data = Buffer.alloc(0)) => {
    data.copy(room)
    Atomics.store(head, 1, data.length)
    Atomics.store(head, 0, state)
    Atomics.notify(head, 0)
  }
  const read = (one, most) => {
    const part = one.got.subarray(0, most)
    one.got = one.got.subarray(part.length)
    answer(BYTES, part)
  }
  const calls = {
    connect(host, port) {
      const one = { got: Buffer.alloc(0), ended: false, wake: null, link: net.connect(port, host) }
      sockets.set(++last, one)
      const id = last
      one.link.once('connect', () => answer(BYTES, Buffer.from(String(id))))
      one.link.on('data', (data) => { one.got = Buffer.concat([one.got, data]); one.wake?.() })
      one.link.on('close', () => { one.ended = true; one.wake?.() })
      one.link.on('error', () => { if (one.link.connecting) answer(FAILED) })
    },
    send(id, hex) {
      sockets.get(id).link.write(Buffer.from(hex, 'hex'), (error) => answer(error ? FAILED : NOTHING))
    },
    // At most `most` bytes, within so many milliseconds; below 0 without an end.
    read(id, most, withinMs) {
      const one = sockets.get(id)
      if (one.got.length || one.ended) return read(one, most)
      if (withinMs === 0) return answer(NOTHING)
      const timer = withinMs > 0 && setTimeout(() => { one.wake = null; answer(FAILED) }, withinMs)
      one.wake = () => { clearTimeout(timer); one.wake = null; read(one, most) }
    },
    close(id) { sockets.get(id).link.destroy(); answer(NOTHING) },
    sleep(ms) { setTimeout(() => answer(NOTHING), ms) },
    picture() { answer(BYTES, readFileSync(picture)) },
  }
  const worker = new Worker(new URL(import.meta.url), { workerData: { shared, build, folder, program } })
  worker.on('message', ([name, ...values]) => calls[name](...values))
  worker.on('error', (error) => { console.error(error); process.exit(1) })
  worker.on('exit', (code) => process.exit(code))
}

async function run({ shared, build, folder, program }) {
  const head = new Int32Array(shared, 0, 2)
  const call = (...what) => {
    Atomics.store(head, 0, WAITING)
    parentPort.postMessage(what)
    Atomics.wait(head, 0, WAITING)
    const state = Atomics.load(head, 0)
    if (state === FAILED) return false
    return state === NOTHING ? null : Buffer.from(new Uint8Array(shared, 8, Atomics.load(head, 1))).toString('hex')
  }
  const { loadMicroPython } = await import(build)
  const python = await loadMicroPython({ heapsize: 8 << 20, stdout: (line) => console.log(line) })
  python.registerJsModule('_computer', { call })
  for (const name of readdirSync(folder, { recursive: true }).filter((name) => name.endsWith('.py'))) {
    const parts = join('/lib', name).split('/')
    for (let at = 2; at < parts.length; at++) {
      try { python.FS.mkdir(parts.slice(0, at).join('/')) } catch { /* it is there */ }
    }
    python.FS.writeFile(join('/lib', name), readFileSync(join(folder, name)))
  }
  python.runPython("import sys; sys.path.insert(0, '/lib')")
  python.runPython(readFileSync(program, 'utf8'))
}
