// The server writes a first line into this file: const SHELL = {version, files}.
self.addEventListener('fetch', () => {});
