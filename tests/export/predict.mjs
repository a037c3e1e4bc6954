// Runs an ONNX file: node predict.mjs MODEL INPUTS COLUMNS OUTPUTS
//
// INPUTS and OUTPUTS are files of float32, little-endian, row by row.
import fs from 'node:fs'
import ort from 'onnxruntime-node'

const [model, inputs, columns, outputs] = process.argv.slice(2)
const bytes = fs.readFileSync(inputs)
const numbers = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
const session = await ort.InferenceSession.create(model)
const rows = numbers.length / Number(columns)
const answers = await session.run({ inputs: new ort.Tensor('float32', numbers, [rows, Number(columns)]) })
const { data } = answers.outputs
fs.writeFileSync(outputs, Buffer.from(data.buffer, data.byteOffset, data.byteLength))
console.log(ort.env.versions.common)
