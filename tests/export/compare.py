"""Exported models against the daemon's predictions: compare.py PORT FOLDER [PREDICT]

PREDICT is predict.mjs where onnxruntime-node is installed.  Trains each network of NETWORKS
on Fashion-MNIST through the daemon at PORT, and compares what PyTorch and onnxruntime answer
for the 10,000 test images with what the daemon answers.  The safetensors files are read and
written here, from the format's description.
"""
import gzip
import http.client
import json
import struct
import subprocess
import sys

import numpy
import torch

DATA = '/usr/share/datasets/fashion-mnist'
EPOCHS = 2
BATCH = 128
CHUNK = 100 * BATCH  # rows a request
SCALE = 1 / 255
DIFFERENCE_MAX = 1e-5  # of probabilities

NETWORKS = {
    'plain': {'layers': [256, 128, 10]},
    'every layer': {
        'standardize': True,
        'layers': [
            {'units': 128, 'activation': 'gelu', 'normalization': 'batch', 'dropout': 0.1},
            {'units': 64, 'activation': 'silu', 'normalization': 'layer'},
            {'units': 64, 'activation': 'leaky_relu'},
            {'units': 32, 'activation': 'elu', 'normalization': 'batch', 'dropout': 0.1},
            {'units': 32, 'activation': 'tanh'},
            {'units': 32, 'activation': 'identity'},
            {'units': 10, 'activation': 'softmax'},
        ],
    },
}

port, folder, predict = sys.argv[1], sys.argv[2], (sys.argv + [''])[3]
passed = failed = 0


def check(what, holds):
    global passed, failed
    passed, failed = passed + bool(holds), failed + (not holds)
    if not holds:
        print(f'export: FAILED: {what}')


# ---- the daemon ----


def ask(method, path, body=None, media_type='application/json', status=200, **headers):
    connection = http.client.HTTPConnection('127.0.0.1', int(port), timeout=300)
    if isinstance(body, dict):
        body = json.dumps(body)
    connection.request(method, path, body, {'Content-Type': media_type, **headers})
    response = connection.getresponse()
    answer = response.read()
    if response.status != status:
        sys.exit(f'{method} {path}: {response.status} {answer[:500].decode(errors="replace")}')
    return answer


# ---- safetensors ----

DTYPES = {'F64': '<f8', 'F32': '<f4', 'I64': '<i8', 'U8': 'u1'}


def read_safetensors(file):
    length = struct.unpack('<Q', file[:8])[0]
    header = json.loads(file[8 : 8 + length])
    metadata = header.pop('__metadata__', {})
    tensors = {}
    for name, entry in header.items():
        begin, end = (8 + length + offset for offset in entry['data_offsets'])
        array = numpy.frombuffer(file[begin:end], DTYPES[entry['dtype']])
        tensors[name] = array.reshape(entry['shape'])
    return tensors, metadata


def write_safetensors(tensors, metadata=None):
    header, data = {'__metadata__': metadata} if metadata else {}, []
    position = 0
    for name, array in tensors.items():
        dtype = next(key for key, value in DTYPES.items() if numpy.dtype(value) == array.dtype)
        end = position + array.nbytes
        header[name] = {'dtype': dtype, 'shape': array.shape, 'data_offsets': [position, end]}
        data.append(array.tobytes())
        position = end
    text = json.dumps(header).encode()
    return struct.pack('<Q', len(text)) + text + b''.join(data)


# ---- PyTorch ----


def activation_of(layer):
    alpha = layer.get('alpha')
    return {
        'relu': torch.nn.ReLU,
        'leaky_relu': lambda: torch.nn.LeakyReLU(alpha),
        'elu': lambda: torch.nn.ELU(alpha if alpha is not None else 1),
        'gelu': torch.nn.GELU,
        'silu': torch.nn.SiLU,
        'tanh': torch.nn.Tanh,
        'sigmoid': torch.nn.Sigmoid,
    }[layer['activation']]()


def sequential(config):
    """The network of a config, whose last softmax is left to the caller."""
    modules, width, layers = [], config['inputs'], config['layers']
    for i, layer in enumerate(layers):
        modules.append(torch.nn.Linear(width, layer['units']))
        width = layer['units']
        if layer['normalization'] == 'batch':
            modules.append(torch.nn.BatchNorm1d(width, eps=1e-3, momentum=0.01))
        elif layer['normalization'] == 'layer':
            modules.append(torch.nn.LayerNorm(width, eps=1e-3))
        if layer['activation'] != 'identity' and i + 1 < len(layers):
            modules.append(activation_of(layer))
        if layer['dropout'] > 0:
            modules.append(torch.nn.Dropout(layer['dropout']))
    return torch.nn.Sequential(*modules)


def predict_with_torch(file, images):
    """The probabilities, and the network's state_dict."""
    tensors, metadata = read_safetensors(file)
    network = sequential(json.loads(metadata['config']))
    own = {name: torch.from_numpy(array.copy()) for name, array in tensors.items() if name[0].isdigit()}
    network.load_state_dict(own, strict=True)
    network.eval()
    if 'standardizer.mean' in tensors:
        mean, scale = tensors['standardizer.mean'], tensors['standardizer.scale']
        images = ((images.astype('f8') - mean) * scale).astype('f4')
    with torch.no_grad():
        answers = network(torch.from_numpy(images)).softmax(1).numpy()
    return answers, network.state_dict()


def predict_with_onnxruntime(file, images):
    """The probabilities, and the version."""
    model, inputs, outputs = (f'{folder}/{name}' for name in ('model.onnx', 'inputs', 'outputs'))
    with open(model, 'wb') as stream:
        stream.write(file)
    images.tofile(inputs)
    command = ['node', predict, model, inputs, str(images.shape[1]), outputs]
    version = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    return numpy.fromfile(outputs, '<f4').reshape(len(images), -1), version


# ---- both against the daemon ----


def read_idx(name):
    with gzip.open(f'{DATA}/{name}.gz') as stream:
        data = stream.read()
    rank = data[3]
    shape = struct.unpack(f'>{rank}I', data[4 : 4 + 4 * rank])
    return numpy.frombuffer(data[4 + 4 * rank :], 'u1').reshape(shape[0], -1)


def train(name, images, labels):
    for _ in range(EPOCHS):
        for begin in range(0, len(images), CHUNK):
            rows = slice(begin, begin + CHUNK)
            body = write_safetensors({'inputs': images[rows], 'labels': labels[rows, 0].astype('i8')})
            ask('POST', f'/v1/models/{name}/batches?batch_size={BATCH}&scale={SCALE!r}', body,
                'application/vnd.safetensors', Prefer='wait=300')


def predict_with_daemon(name, images):
    body = write_safetensors({'inputs': images})
    answer = json.loads(ask('POST', f'/v1/models/{name}/predictions?scale={SCALE!r}', body,
                            'application/vnd.safetensors'))
    return numpy.array([row['probabilities'] for row in answer['predictions']])


def compare(what, who, found, wanted, labels):
    difference = abs(found - wanted).max()
    accuracies = [(numbers.argmax(1) == labels).mean() for numbers in (found, wanted)]
    print(f'export: {what}, {len(labels)} images: {who} differs from mlpd by {difference:.2g} at '
          f'most; accuracy {accuracies[0]:.4f} and {accuracies[1]:.4f}')
    check(f'{what}: {who} differs', difference <= DIFFERENCE_MAX)
    check(f'{what}: the accuracy of {who}', abs(accuracies[0] - accuracies[1]) <= 2e-4)
    check(f'{what}: it has learned', accuracies[1] > 0.8)


def main():
    images, labels = read_idx('train-images-idx3-ubyte'), read_idx('train-labels-idx1-ubyte')
    tests, wanted = read_idx('t10k-images-idx3-ubyte'), read_idx('t10k-labels-idx1-ubyte')[:, 0]
    scaled = (tests.astype('f8') * SCALE).astype('f4')
    for what, network in NETWORKS.items():
        ask('POST', '/v1/models', {'name': 'm', 'inputs': images.shape[1], **network}, status=201)
        train('m', images, labels)
        answers = predict_with_daemon('m', tests)
        file = ask('GET', '/v1/models/m/export')
        found, state = predict_with_torch(file, scaled)
        compare(what, f'PyTorch {torch.__version__}', found, answers, wanted)
        if predict:
            found, version = predict_with_onnxruntime(ask('GET', '/v1/models/m/export?format=onnx'), scaled)
            compare(what, f'onnxruntime {version}', found, answers, wanted)
        # What PyTorch would save, with what it does not know of beside it.
        tensors, metadata = read_safetensors(file)
        saved = {name: tensor.numpy() for name, tensor in state.items()}
        saved.update((name, array) for name, array in tensors.items() if not name[0].isdigit())
        ask('POST', '/v1/models?name=n', write_safetensors(saved, {'config': metadata['config']}),
            'application/vnd.safetensors', 201)
        check(f'{what}: taken in from PyTorch it answers the same', (predict_with_daemon('n', tests) == answers).all())
        for name in ('m', 'n'):
            ask('DELETE', f'/v1/models/{name}', status=204)
    print(f'{passed} passed, {failed} failed')
    sys.exit(failed > 0)


main()
