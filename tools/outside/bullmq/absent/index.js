// What msgpackr is told where its native helper is not built; it then decodes in JavaScript.
throw new Error('the native helper is left out');
