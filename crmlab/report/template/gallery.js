(function () {
  "use strict";
  var form = document.querySelector("form.find");
  if (!form) { return; }
  var words = document.getElementById("words");
  var status = document.getElementById("status");
  var study = document.getElementById("study");
  var count = document.getElementById("count");
  var none = document.getElementById("none");
  var sections = Array.from(document.querySelectorAll("section.study")).map(function (section) {
    return {
      element: section,
      study: section.dataset.study,
      earlier: section.querySelector("details.earlier"),
      runs: Array.from(section.querySelectorAll("article.run")).map(function (run) {
        return { element: run, text: run.dataset.text, failed: run.classList.contains("failed") };
      })
    };
  });
  function filter() {
    var wanted = words.value.normalize("NFKC").toLowerCase().split(/\s+/).filter(Boolean);
    var active = wanted.length > 0 || status.value !== "";
    var total = 0, shown = 0;
    sections.forEach(function (section) {
      var here = 0, below = 0;
      section.runs.forEach(function (run, place) {
        var fits = (study.value === "" || section.study === study.value) &&
          (status.value === "" || run.failed === (status.value === "failed")) &&
          wanted.every(function (word) { return run.text.indexOf(word) >= 0; });
        run.element.hidden = !fits;
        total += 1;
        if (fits) { here += 1; if (place > 0) { below += 1; } }
      });
      shown += here;
      section.element.hidden = here === 0;
      if (section.earlier) {
        section.earlier.hidden = below === 0;
        section.earlier.open = active && below > 0;
      }
    });
    none.hidden = shown > 0;
    count.textContent = count.dataset.text.replace("{n}", shown).replace("{all}", total);
  }
  form.addEventListener("submit", function (event) { event.preventDefault(); });
  // While an input method composes, the field holds pinyin and not yet the words.
  words.addEventListener("input", function (event) { if (!event.isComposing) { filter(); } });
  words.addEventListener("compositionend", filter);
  [status, study].forEach(function (field) { field.addEventListener("input", filter); });
  form.hidden = false;
  filter();
})();
