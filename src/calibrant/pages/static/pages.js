// What all pages share. They work without it, too.
"use strict";
document.documentElement.classList.add("js");
