#!/usr/bin/env node
// Committed by hand, so that npm finds and links it before the build has run.
import '../dist/main.js';
