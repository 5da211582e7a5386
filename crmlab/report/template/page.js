(function () {
  "use strict";
  var zh = document.documentElement.lang.slice(0, 2) === "zh";
  var months = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12].map(function (m) { return m + "月"; });
  var zhTime = {
    dateTime: "%x %X", date: "%Y年%-m月%-d日", time: "%H:%M:%S", periods: ["上午", "下午"],
    days: ["星期日", "星期一", "星期二", "星期三", "星期四", "星期五", "星期六"],
    shortDays: ["周日", "周一", "周二", "周三", "周四", "周五", "周六"],
    months: months, shortMonths: months
  };

  // Tooltips are built from text nodes only: no value of the data can become markup or a request.
  var tip = document.createElement("div");
  tip.className = "crm-tip";
  tip.setAttribute("role", "tooltip");
  tip.hidden = true;
  document.body.appendChild(tip);
  function element(name, text) {
    var made = document.createElement(name);
    made.textContent = text;
    return made;
  }
  function tooltip(handler, event, item, value) {
    if (value === null || value === undefined || value === "") { tip.hidden = true; return; }
    tip.textContent = "";
    if (typeof value === "object" && !Array.isArray(value)) {
      var table = document.createElement("table");
      Object.keys(value).forEach(function (key) {
        if (value[key] === undefined) { return; }
        var row = table.insertRow();
        row.appendChild(element("th", key));
        row.appendChild(element("td", String(value[key])));
      });
      tip.appendChild(table);
    } else {
      tip.textContent = String(value);
    }
    tip.hidden = false;
    var x = event.clientX + 14, y = event.clientY + 14;
    if (x + tip.offsetWidth > window.innerWidth - 8) { x = Math.max(8, event.clientX - tip.offsetWidth - 14); }
    if (y + tip.offsetHeight > window.innerHeight - 8) { y = Math.max(8, event.clientY - tip.offsetHeight - 14); }
    tip.style.left = x + "px";
    tip.style.top = y + "px";
  }

  function overflows(place) {
    var edge = place.getBoundingClientRect().right + 1;
    return Array.from(place.querySelectorAll(".role-legend")).some(function (legend) {
      return legend.getBoundingClientRect().right > edge;
    });
  }
  // Draws with as many legend columns as fit: a legend in one row would run off a phone.
  function draw(place, text, options, columns) {
    var spec = JSON.parse(text);
    var config = spec.config || (spec.config = {});
    var legend = config.legend || (config.legend = {});
    if (columns) { legend.columns = columns; }
    // A title or label wider than the page would press the bars to nothing.
    var narrow = place.clientWidth < 520;
    legend.labelLimit = legend.titleLimit = narrow ? 220 : 300;
    config.axis = Object.assign({}, config.axis, {
      labelLimit: narrow ? 140 : 240, titleLimit: Math.max(160, 0.75 * place.clientWidth)
    });
    return window.vegaEmbed(place, spec, options).then(function (result) {
      if (columns === 1 || !overflows(place)) { return result; }
      result.finalize();
      return draw(place, text, options, columns ? Math.floor(columns / 2) : 2);
    });
  }
  document.querySelectorAll("figure.crm-chart").forEach(function (figure, index) {
    var place = figure.querySelector(".canvas");
    var options = {
      mode: "vega-lite", renderer: "svg", ast: true, hover: true, tooltip: tooltip,
      defaultStyle: false, forceActionsMenu: true, downloadFileName: "chart-" + (index + 1),
      actions: { export: { svg: true, png: true }, source: false, compiled: false, editor: false },
      i18n: zh
        ? { CLICK_TO_VIEW_ACTIONS: "保存图表", PNG_ACTION: "保存为 PNG", SVG_ACTION: "保存为 SVG" }
        : { CLICK_TO_VIEW_ACTIONS: "Save the chart", PNG_ACTION: "Save as PNG", SVG_ACTION: "Save as SVG" }
    };
    if (zh) { options.timeFormatLocale = zhTime; }
    draw(place, figure.querySelector("script").textContent, options, 0).then(
      function () { figure.setAttribute("data-ok", "1"); },
      function (error) {
        place.appendChild(element("p", (zh ? "图表未能绘制：" : "The chart could not be drawn: ") + error.message));
        place.lastChild.className = "chart-error";
      }
    );
  });

  function key(row, column) {
    var cell = row.cells[column];
    if (cell.hasAttribute("data-sort")) {
      return cell.dataset.sort === "" ? null : Number(cell.dataset.sort);
    }
    return cell.textContent === "–" ? null : cell.textContent;
  }
  function sort(table, header, column) {
    var body = table.tBodies[0];
    var numeric = header.classList.contains("number");
    var before = header.getAttribute("aria-sort");
    var down = before ? before === "ascending" : numeric;
    var rows = Array.from(body.rows).map(function (row) { return { row: row, key: key(row, column) }; });
    rows.sort(function (a, b) {
      if (a.key === null || b.key === null) { return (a.key === null) - (b.key === null); }
      var order = numeric ? a.key - b.key : a.key.localeCompare(b.key, document.documentElement.lang);
      return down ? -order : order;
    });
    rows.forEach(function (item) { body.appendChild(item.row); });
    Array.from(header.parentNode.cells).forEach(function (other) { other.removeAttribute("aria-sort"); });
    header.setAttribute("aria-sort", down ? "descending" : "ascending");
  }
  document.querySelectorAll("figure.crm-table table").forEach(function (table) {
    if (table.tBodies[0].rows.length < 2) { return; }
    Array.from(table.tHead.rows[0].cells).forEach(function (header, column) {
      var button = document.createElement("button");
      button.type = "button";
      button.title = zh ? "点击排序" : "Sort by this column";
      var note = header.querySelector("small");
      while (header.firstChild && header.firstChild !== note) { button.appendChild(header.firstChild); }
      header.insertBefore(button, note);
      button.addEventListener("click", function () { sort(table, header, column); });
    });
  });

  var links = new Map();
  document.querySelectorAll(".contents.wide a").forEach(function (link) {
    links.set(document.getElementById(link.hash.slice(1)), link);
  });
  function mark() {
    var here = null;
    links.forEach(function (link, heading) {
      if (heading.getBoundingClientRect().top < 140) { here = link; }
    });
    links.forEach(function (link) { link.classList.toggle("here", link === here); });
  }
  if (links.size) {
    window.addEventListener("scroll", mark, { passive: true });
    mark();
  }
})();
